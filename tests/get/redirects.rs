//! How many redirects are followed, and what becomes of the request.

use crate::script::{HELLO, Server, get};
use support::Folder;

const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 4\r\n\r\nmove";

#[test]
fn the_limit_of_redirects_is_kept() {
    // Redirects before the content; flags; exit code; requests.
    let table: &[(usize, &[&str], i32, usize)] = &[
        (1, &[], 0, 1),
        (1, &["--max-redirs", "0"], 0, 1),
        (1, &["-L", "--max-redirs", "0"], 47, 1),
        (1, &["--location-trusted", "--max-redirs", "0"], 47, 1),
        (0, &["-L", "--max-redirs", "0"], 0, 1),
        (1, &["-L", "--max-redirs", "1"], 0, 2),
        (2, &["-L", "--max-redirs", "1"], 47, 2),
        (50, &["-L"], 0, 51),
        (51, &["-L"], 47, 51),
        (60, &["-L", "--max-redirs", "-1"], 0, 61),
    ];
    for (redirects, flags, code, requests) in table {
        for to_file in [false, true] {
            let folder = Folder::new();
            let mut answers = vec![MOVED; *redirects];
            answers.push(HELLO);
            let server = Server::answering(answers);
            let mut args: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            args.push(server.url("/"));
            if to_file {
                args.extend(["-o".to_owned(), folder.join("out")]);
            }
            let outcome = get(&args).fails(*code);
            assert_eq!(server.requests().len(), *requests, "{args:?} {outcome:?}");
            if *code == 47 {
                assert!(outcome.stderr.contains("--max-redirs"), "{outcome:?}");
                assert!(folder.names().is_empty());
            }
        }
    }
}

#[test]
fn an_endless_loop_ends_with_the_time() {
    let server = Server::start_parallel(|connection| {
        while connection.request().is_some() {
            connection.send(MOVED);
        }
    });
    let url = server.url("/");
    get(["-L", "--max-redirs", "-1", "-m", "0.5", &url]).fails(28);
}

#[test]
fn a_redirect_to_get_drops_what_was_said_of_the_content() {
    let folder = Folder::new().with("f", "0123456789");
    let see_other = "HTTP/1.1 303 See Other\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering([see_other, HELLO]);
    let file = folder.join("f");
    get(["-L", "-C", "4", "-T", &file, &server.url("/a")]).succeeds();
    let requests = server.requests();
    assert!(
        requests[0].contains("\r\nContent-Range: bytes 4-9/10\r\n"),
        "{requests:?}"
    );
    assert!(!requests[1].contains("Content-"), "{requests:?}");
}
