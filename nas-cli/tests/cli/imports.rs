//! `nas table import`.

use std::fs;
use std::path::Path;

use super::{json, nas, refused, text};

/// Cells of NASLib: the operations of edges by their source, 0 = skip, 1 = none, 2 = 3x3, 3 = 1x1, 4 = pooling. The first one has as
/// many parameters in the order of the benchmark.
const NASLIB: &str = "\
arch,val_accuracy,params,raspi4
\"(0,2,3,2,3,1)\",86.06,0.615386,20.5
\"(4,0,4,1,2,0)\",83.62,0.316346,10.25
\"(1,0,2,2,2,1)\",88.26,0.802426,30
";

const MAPPING: &str = r#"
name = "naslib"
[space]
kind = "nb201"
[architecture]
column = "arch"
[[datasets]]
name = "cifar10"
search_epochs = 200
report_epochs = 200
test_is_valid = true
network = { image = "3x32x32", classes = 10, channels = 16, cells = 5 }
columns = [
  { column = "val_accuracy", figure = "valid", epochs = 200, unit = "percent" },
  { column = "params", figure = "params", unit = "millions" },
  { column = "raspi4", figure = "extra", name = "latency", symbol = "ms" },
]
"#;

const ORDER: &str = r#"column = "arch"
options = ["skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"]
decisions = ["cell.edge_0_1", "cell.edge_0_2", "cell.edge_0_3", "cell.edge_1_2", "cell.edge_1_3", "cell.edge_2_3"]"#;

fn put(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn the_format_is_found_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &str| put(folder.path(), name, content);
    let out = folder.path().join("t.nastab").display().to_string();
    let network =
        "{\"test_acc\": [80, 81, 82], \"mean_acc\": 81, \"std\": 1, \"params\": 100, \"flops\": 200}";
    let file = put("macro", &format!("{{\"01201201\": {network}}}"));
    let output = nas(&["table", "import", &file, "-o", &out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("is read as --format macro-json"));

    let unknown = put("unknown", "{\"cells\": []}");
    let message = refused(2, &["table", "import", &unknown, "-o", &out]);
    assert!(message.contains("its format cannot be told"), "{message}");
    let csv = put("t.csv", NASLIB);
    let message = refused(2, &["table", "import", &csv, "-o", &out]);
    assert!(message.contains("needs a --mapping FILE"), "{message}");
    let mapping = put("map.toml", MAPPING);
    let message = refused(2, &["table", "import", &file, "--mapping", &mapping, "-o", &out]);
    assert!(message.contains("this is macro-json"), "{message}");
    let message = refused(1, &["table", "import", &out, "-o", &out]);
    assert!(message.contains("a benchmark table already"), "{message}");
    let help = text(&nas(&["table", "import", "--help"]).stdout);
    assert!(help.contains("nb201_index") && help.contains("test_is_valid"));
}

#[test]
fn a_file_in_another_order_is_warned_of_and_its_order_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &str| put(folder.path(), name, content);
    let out = folder.path().join("t.nastab").display().to_string();
    let csv = put("t.csv", NASLIB);
    let mapping = put("map.toml", MAPPING);
    let import = ["table", "import", &csv, "--mapping", &mapping, "-o", &out];
    let output = nas(&import);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    for named in [
        "WARNING",
        "in 2 of 3 rows",
        "numbered as NASLib does",
        "options = [\"skip_connect\", \"none\"",
    ] {
        assert!(message.contains(named), "{named}: {message}");
    }

    put("map.toml", &MAPPING.replace("column = \"arch\"", ORDER));
    let output = nas(&import);
    assert!(
        !text(&output.stderr).contains("WARNING"),
        "{}",
        text(&output.stderr)
    );
    let described = text(&output.stdout);
    assert!(
        described.contains("latency: 10.25 to 30 ms, lower is better"),
        "{described}"
    );
    let info = json(&["table", "info", &out, "--json"]);
    let extras = info["datasets"][0]["extras"].as_array().unwrap();
    assert_eq!(extras.len(), 2);
    assert_eq!(
        (&extras[1]["name"], &extras[1]["max"]),
        (&"published_params".into(), &802_426.0.into())
    );
}
