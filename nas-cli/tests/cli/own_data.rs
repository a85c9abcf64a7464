//! Images of one's own: a folder, a list, arrays.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::report::{browse, browser, console};
use crate::text;

/// A folder with three classes of squares: red, green and blue ones, a little different each.
pub(crate) fn photos(folder: &Path, images: usize) {
    for (class, name) in ["blue", "green", "red"].into_iter().enumerate() {
        fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..images {
            fs::write(
                folder.join(name).join(format!("{number}.ppm")),
                square(2 - class, number),
            )
            .unwrap();
        }
    }
}

/// A picture of 12 pixels a side in the format PPM, brightest in one channel.
pub(crate) fn square(channel: usize, number: usize) -> Vec<u8> {
    let mut file = b"P6\n12 12\n255\n".to_vec();
    for pixel in 0..144 {
        for c in 0..3 {
            let noise = (pixel * 7 + number * 13 + c * 5) % 60;
            file.push(if c == channel {
                180 + noise as u8
            } else {
                noise as u8
            });
        }
    }
    file
}

/// A place for images, runs and the cache.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn nas(&self, words: &str) -> Output {
        let place = self.dir.path().to_str().unwrap();
        let words: Vec<String> = words
            .split_whitespace()
            .map(|word| word.replace('@', place))
            .collect();
        Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(words)
            .env_remove("NAS_DATA_DIR")
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The JSON of a call that succeeds. `@` is this place.
    pub(crate) fn json(&self, words: &str) -> Value {
        let output = self.nas(&format!("{words} --json"));
        assert!(output.status.success(), "{words}: {}", text(&output.stderr));
        serde_json::from_str(&text(&output.stdout)).unwrap()
    }

    /// What a call says that fails with this exit code.
    pub(crate) fn refused(&self, code: i32, words: &str) -> String {
        let output = self.nas(words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        said
    }
}

/// Every file below a folder with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    all
}

pub(crate) const TINY: &str = "--channels 4 --cells 1 --epochs 2 --final-epochs 12 --workers 0";

#[test]
fn a_folder_of_classes_is_searched_reported_resumed_and_left_as_it_is() {
    let place = Place::new();
    photos(&place.path("photos"), 20);
    let before = contents(&place.path("photos"));
    let found = place.json(&format!(
        "search random --data @/photos --trials 2 --run @/run {TINY}"
    ));
    assert_eq!(found["trials"], 2);
    assert!(found["test_accuracy"].as_f64().unwrap() > 0.9, "{found}");
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    assert!(
        config.contains("fingerprint = ") && config.contains("horizontal_flip = false"),
        "{config}"
    );
    let split: Value =
        serde_json::from_str(&fs::read_to_string(place.path("run/split.json")).unwrap()).unwrap();
    let images = |part: &str| split[part].as_array().unwrap().len();
    assert_eq!((images("train"), images("test")), (48, 12));
    let last: Value =
        serde_json::from_str(&fs::read_to_string(place.path("run/final.json")).unwrap()).unwrap();
    assert_eq!(last["classes"], serde_json::json!(["blue", "green", "red"]));
    let rows = last["test"]["confusion"].as_array().unwrap();
    let images: u64 = rows
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!((rows.len(), images), (3, 12), "a fifth of 60 images");
    place.json("report @/run");
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("Confusion of classes"));
    // The network is measured again on the same images, of the run or named.
    let tested = place.json("test @/run");
    assert_eq!(tested["test_accuracy"], found["test_accuracy"]);
    let named = place.json("test @/run/network.safetensors --data @/photos");
    assert_eq!(named["test_accuracy"], found["test_accuracy"]);
    let said = place.refused(1, "test @/run/network.safetensors");
    assert!(said.contains("--data PATH"), "{said}");
    let longer = place.json("resume @/run --trials 3");
    assert_eq!(longer["trials"], 3);
    assert_eq!(
        contents(&place.path("photos")),
        before,
        "nothing is written there"
    );
    // The folder may be elsewhere.
    fs::create_dir(place.path("moved")).unwrap();
    fs::rename(place.path("photos"), place.path("moved/photos")).unwrap();
    let said = place.refused(1, "resume @/run --trials 4");
    assert!(said.contains("photos"), "{said}");
    assert_eq!(
        place.json("resume @/run --trials 4 --data @/moved/photos")["trials"],
        4
    );
    // It may have another name, too; the network is of the same images then.
    fs::rename(place.path("moved/photos"), place.path("moved/pictures")).unwrap();
    assert_eq!(
        place.json("resume @/run --trials 5 --data @/moved/pictures")["trials"],
        5
    );
    let tested = place.json("test @/run/network.safetensors --data @/moved/pictures");
    assert!(tested["test_accuracy"].is_f64(), "{tested}");
    fs::rename(place.path("moved/pictures"), place.path("photos")).unwrap();
    // Other images make another search.
    fs::remove_file(place.path("photos/red/7.ppm")).unwrap();
    let said = place.refused(1, "resume @/run --trials 6 --data @/photos");
    assert!(said.contains("have changed"), "{said}");
    assert_eq!(place.json("status @/run")["finished"], 5, "what was stored stays");
}

#[test]
fn given_splits_are_kept_and_lists_read_as_folders() {
    let place = Place::new();
    for (split, images) in [("train", 12), ("val", 4), ("test", 3)] {
        photos(&place.path("photos").join(split), images);
        // The same picture in two splits is a leak.
        for (class, name) in ["blue", "green", "red"].into_iter().enumerate() {
            for number in 0..images {
                let other = number + 100 * split.len() + usize::from(split == "val") * 1000;
                fs::write(
                    place
                        .path("photos")
                        .join(split)
                        .join(name)
                        .join(format!("{number}.ppm")),
                    square(2 - class, other * 31 + 1),
                )
                .unwrap();
            }
        }
    }
    let checked = place.json("data check @/photos");
    assert_eq!(
        (&checked["train"], &checked["valid"], &checked["test"]),
        (&36.into(), &12.into(), &9.into())
    );
    let mut list = "path,label,split\n".to_owned();
    for split in ["train", "val", "test"] {
        for class in ["blue", "green", "red"] {
            let folder = place.path("photos").join(split).join(class);
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                list += &format!("{},{class},{split}\n", path.display());
            }
        }
    }
    fs::write(place.path("list.csv"), list).unwrap();
    let listed = place.json("data check @/list.csv");
    for part in ["train", "valid", "test", "classes", "shape"] {
        assert_eq!(listed[part], checked[part], "{part}");
    }
    let found = place.json(&format!(
        "search random --data @/list.csv --trials 1 --run @/run {TINY}"
    ));
    assert!(found["test_accuracy"].as_f64().unwrap() > 0.9, "{found}");
}

#[test]
fn uneven_classes_are_judged_alike() {
    let place = Place::new();
    photos(&place.path("photos"), 6);
    for number in 6..60 {
        fs::write(place.path(&format!("photos/red/{number}.ppm")), square(0, number)).unwrap();
    }
    let found = place.json(&format!(
        "search random --data @/photos --trials 1 --run @/run {TINY}"
    ));
    assert_eq!(found["metric"]["name"], "balanced accuracy", "{found}");
    assert!(found["test_accuracy"].is_null());
    let (test, plain) = (&found["test"], &found["final"]["plain_accuracy"]);
    assert!(test.is_f64() && plain.is_f64(), "{found}");
    let accuracy = place.json(&format!(
        "search random --data @/photos --trials 1 --metric accuracy --flip --run @/plain {TINY}"
    ));
    assert!(accuracy["test_accuracy"].is_f64(), "{accuracy}");
    let config = fs::read_to_string(place.path("plain/config.toml")).unwrap();
    assert!(config.contains("horizontal_flip = true"), "{config}");
}

#[test]
fn a_time_makes_a_budget_that_is_kept_on_record() {
    let place = Place::new();
    photos(&place.path("photos"), 30);
    let output =
        place.nas("search --data @/photos --minutes 0.1 --channels 4 --run @/run --workers 0 --json");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("training images per second"), "{said}");
    let config: toml::Table = fs::read_to_string(place.path("run/config.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(config["budget"]["seconds"].as_float().unwrap() > 0.0, "{config}");
    assert_eq!(config["method"]["name"].as_str(), Some("evolution"));
    // More images than the machine is measured with, and a class of few.
    for number in 30..900 {
        fs::write(place.path(&format!("photos/red/{number}.ppm")), square(0, number)).unwrap();
    }
    for number in 3..30 {
        fs::remove_file(place.path(&format!("photos/blue/{number}.ppm"))).unwrap();
    }
    let words = "search --data @/photos --minutes 0.2 --final-epochs 1 --epochs 1 --channels 2 --run @/uneven --workers 0";
    let found = place.json(words);
    assert_eq!(found["metric"]["name"], "balanced accuracy", "{found}");
    assert_eq!(
        (&found["final"]["epochs"], &found["best"]["epochs"]),
        (&1.into(), &1.into()),
        "as typed"
    );
    let said = place.refused(2, "search --data @/photos --minutes 0.0001");
    assert!(said.contains("expected at least that time"), "{said}");
    let said = place.refused(2, "search darts --data @/photos --minutes 1");
    assert!(said.contains("trains a supernet"), "{said}");
    let said = place.refused(2, "search random --benchmark digits --minutes 1");
    assert!(said.contains("searches that train"), "{said}");
}

#[test]
fn what_cannot_be_read_says_what_would_do() {
    let place = Place::new();
    for (words, expected) in [
        ("search --data @/nowhere", "no file or folder of that name"),
        ("search --data mnits", "digits, mnist"),
        ("search --data digits --image-size 16", "for images of your own"),
        ("search --data digits --flip", "for images of your own"),
        ("data check digits", "the name of a data set"),
        (
            "table build --space nb201 --data @ --out @/x.nastab",
            "data set with a name",
        ),
    ] {
        let said = place.refused(2, words);
        assert!(said.contains(expected), "{words}: {said}");
    }
    fs::create_dir(place.path("empty")).unwrap();
    let output = place.nas("data check @/empty");
    assert!(!output.status.success());
    assert!(
        !text(&output.stderr).contains("panicked"),
        "{}",
        text(&output.stderr)
    );
}

/// The images of a class that a check calls odd.
fn odd<'a>(checked: &'a Value, class: &str) -> Vec<&'a str> {
    let classes = checked["odd"].as_array().unwrap().iter();
    let images = classes
        .filter(|odd| odd["class"] == class)
        .flat_map(|odd| odd["images"].as_array().unwrap());
    images.map(|image| image["name"].as_str().unwrap()).collect()
}

#[test]
fn a_check_writes_a_page_with_pictures_and_names_the_odd_ones() {
    let place = Place::new();
    photos(&place.path("photos"), 40);
    let black = [b"P6\n12 12\n255\n".as_slice(), &[0; 432]].concat();
    fs::write(place.path("photos/red/black.ppm"), black).unwrap();
    let wrong = [&square(0, 77)[..400], &[7; 45]].concat();
    fs::write(place.path("photos/green/wrong.ppm"), wrong).unwrap();
    // The same picture in two classes, and twice in one.
    fs::write(place.path("photos/red/both.ppm"), square(1, 500)).unwrap();
    fs::write(place.path("photos/green/both.ppm"), square(1, 500)).unwrap();
    fs::write(place.path("photos/blue/again.ppm"), square(2, 3)).unwrap();
    fs::write(place.path("photos/blue/<empty>.png"), b"").unwrap();
    let before = contents(&place.path("photos"));
    let checked = place.json("data check @/photos --page @/page.html");
    assert_eq!(odd(&checked, "red").first(), Some(&"red/black.ppm"), "{checked}");
    assert_eq!(
        odd(&checked, "green").first(),
        Some(&"green/wrong.ppm"),
        "{checked}"
    );
    assert!(
        checked["search"]["memory_bytes"].as_u64().unwrap() > 1 << 20,
        "{checked}"
    );
    assert!(checked["search"]["timing"].is_null() && checked["search"]["images_per_second"].is_null());
    let file = place.path("page.html");
    assert_eq!(checked["page"], file.to_str().unwrap());
    assert_eq!(
        contents(&place.path("photos")),
        before,
        "nothing is written there"
    );
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.len() < 5_000_000);
    for part in [
        "24 of 33 training images of class blue",
        "more like red",
        "red/black.ppm",
        "Contradictory",
        "green/both.ppm",
        "blue/again.ppm",
        "blue/&lt;empty&gt;.png",
        "nas search --data",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !page.contains("no picture"),
        "images that are not used are read from their files"
    );
    assert_eq!(page.matches("<script").count(), 1, "our own");
    for word in ["http://", "https://", "<empty>"] {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(
        page.matches("<img ").count(),
        page.matches("src=\"data:image/png;base64,").count()
    );
    place.json("data check @/photos --page @/again.html");
    assert_eq!(
        fs::read_to_string(place.path("again.html")).unwrap(),
        page,
        "always the same"
    );
    let said = place.refused(2, "data check @/photos --page @/photos/page.html");
    assert!(said.contains("lies in the folder of the images"), "{said}");
    let said = place.refused(2, "data check @/photos --page @");
    assert!(said.contains("is a directory"), "{said}");
    if let Some(browser) = browser() {
        let (dom, stderr) = browse(browser, place.dir.path(), &file, &["--dump-dom"]);
        assert_eq!(console(&stderr), Vec::<&str>::new());
        assert!(dom.contains("<h1>The images of photos</h1>"), "{dom}");
    }
}

#[test]
fn a_check_tells_what_a_search_takes_here() {
    let place = Place::new();
    photos(&place.path("photos"), 20);
    let checked = place.json("data check @/photos --time");
    let search = &checked["search"];
    assert!(search["images_per_second"].as_f64().unwrap() > 1.0, "{checked}");
    assert!(search["timing"]["trials"].as_u64().unwrap() >= 1, "{checked}");
    assert_eq!(
        (&search["method"], &search["space"]),
        (&"evolution".into(), &"nb201".into())
    );
    assert_eq!(search["minutes"], 10.0);
    let said = text(&place.nas("data check @/photos").stdout);
    assert!(said.contains("not measured; --time does"), "{said}");
}

#[test]
fn data_sets_with_names_are_listed_with_places_to_get_them_from() {
    let place = Place::new();
    fs::create_dir_all(place.path("data/mnist")).unwrap();
    for (file, header) in [
        ("train-images-idx3-ubyte", &b"\0\0\x08\x03"[..]),
        ("train-labels-idx1-ubyte", b"\0\0\x08\x01"),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03"),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01"),
    ] {
        fs::write(place.path("data/mnist").join(file), header).unwrap();
    }
    let listed = place.json("data list --data-dir @/data");
    let sets = listed["sets"].as_array().unwrap();
    let set = |name: &str| sets.iter().find(|set| set["name"] == name).unwrap();
    assert_eq!(
        (&set("digits")["built_in"], &set("digits")["found"]),
        (&true.into(), &true.into())
    );
    let mnist = set("mnist");
    assert_eq!(
        (&mnist["found"], &mnist["official"]),
        (&true.into(), &false.into()),
        "{mnist}"
    );
    assert_eq!(mnist["files"].as_array().unwrap().len(), 4);
    let url = mnist["downloads"][0]["urls"][0].as_str().unwrap();
    assert!(
        url.starts_with("https://") && url.ends_with("/train-images-idx3-ubyte.gz"),
        "{url}"
    );
    assert_eq!(mnist["downloads"][0]["sha256"].as_str().unwrap().len(), 64);
    let cifar = set("cifar10");
    assert_eq!(
        (&cifar["found"], &cifar["official"]),
        (&false.into(), &Value::Null),
        "{cifar}"
    );
    assert!(cifar["looked"].as_array().unwrap().len() > 3 && cifar["reason"].is_string());
    let said = text(&place.nas("data list").stdout);
    assert!(
        said.contains("no folder was named") && said.contains("cifar-100-binary.tar.gz"),
        "{said}"
    );
    let said = text(&place.nas("data list --data-dir @/data").stdout);
    assert!(said.contains("are not the official ones"), "{said}");
}

#[test]
fn images_that_were_read_are_listed_and_removed_and_then_read_again() {
    let place = Place::new();
    photos(&place.path("photos"), 6);
    let checked = place.json("data check @/photos");
    let fingerprint = checked["fingerprint"].as_str().unwrap();
    let stock = place.json("data cache");
    assert_eq!(stock["kept"][0]["fingerprint"], fingerprint);
    let source = stock["kept"][0]["sources"][0].as_str().unwrap();
    assert_eq!(Path::new(source), place.path("photos"));
    assert!(stock["kept"][0]["bytes"].as_u64().unwrap() > 18 * 8 * 8 * 3);
    let recent = place.json("data cache --remove 30d");
    assert_eq!(
        (recent["removed"].as_array().unwrap().len(), &recent["kept"]),
        (0, &stock["kept"])
    );
    let removed = place.json(&format!("data cache --remove {}", &fingerprint[..12]));
    assert_eq!(removed["removed"][0]["fingerprint"], fingerprint);
    assert_eq!(removed["kept"].as_array().unwrap().len(), 0);
    assert_eq!(place.json("data check @/photos")["fingerprint"], fingerprint);
    let refused = place.nas("data cache --remove yesterday");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("a number of days such as 30d"));
}

/// Whatever their height and width, and with a stem that halves where they are large.
#[test]
fn images_of_any_size_are_searched_on() {
    let place = Place::new();
    photos(&place.path("photos"), 6);
    for (size, halvings) in [(13, 0), (66, 2)] {
        let run = place.path(&format!("run-{size}"));
        let run = run.display();
        place.json(&format!(
            "search random --data @/photos --image-size {size} --channels 4 --trials 1 --epochs 1 --final-epochs 1 --run {run}"
        ));
        let config = fs::read_to_string(format!("{run}/config.toml")).unwrap();
        assert!(
            config.contains(&format!("stem_halvings = {halvings}")),
            "{config}"
        );
        let report = place.json(&format!("test {run}"));
        assert!(report["test_accuracy"].is_number(), "{report}");
    }
}
