//! Several processes on one cache, and processes that are killed.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nas_data::ReadOptions;

use crate::cache::assert_same;
use crate::images::{Folder, png};

const SOURCE: &str = "NAS_DATA_TEST_SOURCE";
const CACHE: &str = "NAS_DATA_TEST_CACHE";

/// What the other processes are: this test, told by its environment what to read. Otherwise it does
/// nothing.
#[test]
fn another_process_reads() {
    if let Some(source) = env::var_os(SOURCE) {
        let options = ReadOptions {
            cache: env::var_os(CACHE).map(Into::into),
            ..ReadOptions::default()
        };
        let data = nas_data::read(Path::new(&source), &options, &|_| {}).unwrap();
        println!("fingerprint {}", data.fingerprint);
    }
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "processes::another_process_reads", "--nocapture"])
        .env(SOURCE, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn start(folder: &Folder) -> Child {
    command(folder).env(CACHE, folder.cache()).spawn().unwrap()
}

#[test]
fn caches_are_where_the_environment_says() {
    let folder = Folder::of(&[("a", 4), ("b", 4)]);
    let fingerprint = folder.read().unwrap().fingerprint;
    for (variable, value, below) in [
        ("XDG_CACHE_HOME", folder.cache().join("xdg"), "xdg/nas"),
        // A variable that is not absolute does not count.
        ("XDG_CACHE_HOME", "relative".into(), "home/.cache/nas"),
        ("XDG_CACHE_HOME", "".into(), "home/.cache/nas"),
    ] {
        let status = command(&folder)
            .env("HOME", folder.cache().join("home"))
            .env(variable, value)
            .status();
        assert!(status.unwrap().success());
        let made = folder.cache().join(below);
        assert!(made.join(&fingerprint).join("pixels").exists(), "{below}");
        std::fs::remove_dir_all(made).unwrap();
    }
}

/// Enough images to be interrupted in.
fn large() -> Folder {
    let folder = Folder::new();
    for image in 0..300 {
        folder.write(format!("{}/{image:03}.png", image % 3), png(64, 64, 5000 * image));
    }
    folder
}

#[test]
fn two_processes_that_make_the_same_both_end_well() {
    let folder = large();
    let children = [start(&folder), start(&folder), start(&folder)];
    let data = folder.read().unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&data.fingerprint), "{text}");
    }
    let made = std::fs::read_dir(folder.cache()).unwrap().count();
    assert_eq!(made, 3, "one folder, keys and locks");
}

#[test]
fn two_sources_of_the_same_content_both_end_well() {
    let (one, other) = (large(), large());
    let read = |folder: &Folder| {
        folder
            .read_with(|options| options.cache = Some(one.cache().to_owned()))
            .unwrap()
    };
    std::thread::scope(|scope| {
        let threads = [&one, &other, &one, &other].map(|folder| scope.spawn(move || read(folder)));
        let data = threads.map(|thread| thread.join().unwrap());
        for other in &data[1..] {
            assert_same(&data[0], other);
        }
    });
}

#[test]
fn a_process_that_is_killed_leaves_nothing_that_is_taken_for_whole() {
    let folder = large();
    let reference = {
        let cache = tempfile::tempdir().unwrap();
        let data = folder
            .read_with(|options| options.cache = Some(cache.path().to_owned()))
            .unwrap();
        (data, cache)
    };
    let mut interrupted = 0;
    for moment in 0..8_u64 {
        let mut child = start(&folder);
        // Killed when so much of the scratch file is there, or at the end the file of pixels.
        loop {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            if has_come_to(folder.cache(), moment) {
                child.kill().unwrap();
                child.wait().unwrap();
                interrupted += 1;
                break;
            }
            std::thread::yield_now();
        }
        let data = folder.read().unwrap();
        assert_same(&reference.0, &data);
        std::fs::remove_dir_all(folder.cache()).unwrap();
        std::fs::create_dir(folder.cache()).unwrap();
    }
    assert!(interrupted > 0);
}

fn has_come_to(cache: &Path, moment: u64) -> bool {
    let Ok(entries) = std::fs::read_dir(cache) else {
        return false;
    };
    let making = entries
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with(".making-"));
    let Some(making) = making else {
        return false;
    };
    let length = |name: &str| std::fs::metadata(making.path().join(name)).map_or(0, |found| found.len());
    match moment {
        0..6 => length("scratch") >= moment << 19,
        6 => making.path().join("pixels").exists(),
        _ => making.path().join("index.json").exists(),
    }
}
