//! The served directory removed, replaced or moved away while it is served.

use super::*;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Serves a directory below the site's own by its path.
fn serve(site: &Site, name: &str) -> Files {
    Options::new().open(site.path(name)).unwrap()
}

fn get(files: &Files, target: &str) -> (u16, String) {
    let response = files.respond_to(http::Request::get(target).body(Body::empty()).unwrap());
    let status = response.status().as_u16();
    (
        status,
        std::io::read_to_string(response.into_body()).unwrap(),
    )
}

/// Waits until a change has been noticed, without a missing name.
fn wait_for(files: &Files, target: &str, want: &str) {
    while get(files, target).1 != want {
        std::thread::yield_now();
    }
}

#[test]
fn removed_root_is_not_found() {
    let site = Site::new(&[("www/a.html", "a"), ("www/empty/x", "")]);
    let files = serve(&site, "www");
    assert_eq!(get(&files, "/").0, 200);
    fs::remove_dir_all(site.path("www")).unwrap();
    for target in [
        "/",
        "/?json",
        "/?download=zip",
        "/?download=tar",
        "/a.html",
        "/empty/",
    ] {
        assert_eq!(get(&files, target).0, 404, "{target}");
    }
}

#[test]
fn recreated_root_is_served_at_once() {
    let site = Site::new(&[("www/a", "0")]);
    let files = serve(&site, "www");
    for round in 1..20 {
        fs::remove_dir_all(site.path("www")).unwrap();
        if round % 2 == 0 {
            assert_eq!(get(&files, "/").0, 404);
        }
        fs::create_dir(site.path("www")).unwrap();
        let name = format!("b{round}");
        fs::write(site.path("www").join(&name), round.to_string()).unwrap();
        match round % 3 {
            0 => assert!(get(&files, "/").1.contains(&name)),
            1 => assert_eq!(get(&files, &format!("/{name}")), (200, round.to_string())),
            _ => assert_eq!(get(&files, "/a").0, 404),
        }
    }
}

/// The ways in which deployments put another directory in the place of the first.
#[test]
fn replaced_root_is_served() {
    type Replace = fn(&Path);
    let table: &[(&str, Replace)] = &[
        ("removed and made anew", |at| {
            fs::remove_dir_all(at.join("www")).unwrap();
            fs::rename(at.join("next"), at.join("www")).unwrap();
        }),
        ("moved away", |at| {
            fs::rename(at.join("www"), at.join("old")).unwrap();
            fs::rename(at.join("next"), at.join("www")).unwrap();
        }),
        ("exchanged", |at| {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let at = |name| (rustix::fs::CWD, at.join(name));
            let ((here, old), (there, new)) = (at("www"), at("next"));
            rustix::fs::renameat_with(here, old, there, new, flags).unwrap();
        }),
        ("emptied and renamed over", |at| {
            fs::remove_file(at.join("www/a")).unwrap();
            fs::rename(at.join("next"), at.join("www")).unwrap();
        }),
        ("a link instead", |at| {
            fs::remove_dir_all(at.join("www")).unwrap();
            symlink("next", at.join("www")).unwrap();
        }),
        ("its parent replaced", |at| {
            // The path is what counts, not the directory that it once led through.
            fs::create_dir(at.join("www/deep")).unwrap();
            fs::remove_dir_all(at.join("www")).unwrap();
            fs::rename(at.join("next"), at.join("www")).unwrap();
        }),
    ];
    for (what, replace) in table {
        let site = Site::new(&[("www/a", "first"), ("next/a", "second")]);
        let files = serve(&site, "www");
        assert_eq!(get(&files, "/a").1, "first", "{what}");
        replace(site.folder.path());
        wait_for(&files, "/a", "second");
        assert_eq!(get(&files, "/a"), (200, "second".to_owned()), "{what}");
    }
}

#[test]
fn switched_link_is_followed_and_its_removed_target_is_not_served() {
    let site = Site::new(&[("1/a", "1"), ("2/a", "2")]);
    symlink("1", site.path("current")).unwrap();
    let files = serve(&site, "current");
    assert_eq!(get(&files, "/a").1, "1");
    symlink("2", site.path("new")).unwrap();
    fs::rename(site.path("new"), site.path("current")).unwrap();
    wait_for(&files, "/a", "2");
    fs::remove_dir_all(site.path("2")).unwrap();
    assert_eq!(get(&files, "/").0, 404);
    // A link that leads nowhere, a file of that name, and a folder again.
    fs::remove_file(site.path("current")).unwrap();
    fs::write(site.path("current"), "a file").unwrap();
    assert_eq!(get(&files, "/").0, 404);
    fs::remove_file(site.path("current")).unwrap();
    fs::rename(site.path("1"), site.path("current")).unwrap();
    assert_eq!(get(&files, "/a"), (200, "1".to_owned()));
}

#[test]
fn root_that_comes_back_is_served_again() {
    let site = Site::new(&[("www/a", "a")]);
    let files = serve(&site, "www");
    fs::rename(site.path("www"), site.path("away")).unwrap();
    assert_eq!(get(&files, "/a").1, "a", "moved, not removed");
    fs::rename(site.path("away"), site.path("www")).unwrap();
    assert_eq!(get(&files, "/a").1, "a");
}

/// A directory inside the root that is removed after it was found is no empty listing either.
#[test]
fn removed_folder_can_not_be_opened() {
    let site = Site::new(&[("folder/x", "")]);
    let opened = File::open(site.path("folder")).unwrap();
    assert!(!crate::files::root::root_dir::is_removed(&opened));
    fs::remove_dir_all(site.path("folder")).unwrap();
    assert!(crate::files::root::root_dir::is_removed(&opened));
    assert_eq!(site.get("/folder/").status, 404);
}
