//! HTTPie's items with paths in their names: nested JSON, and the same names in a form.

use crate::script::{HELLO, Server, get};
use support::Folder;

/// The content of the request that these items make.
#[track_caller]
fn content(items: &[&str]) -> String {
    let server = Server::answering([HELLO]);
    let url = server.url("/");
    let outcome = get(["POST", &url].iter().chain(items));
    assert_eq!(outcome.code, 0, "{items:?}: {outcome:?}");
    let request = server.request();
    request.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn names_with_brackets_nest() {
    let folder = Folder::new()
        .with("text", "a\nb")
        .with("json", "[1, {\"x\": 2}]");
    let (text, json) = (folder.join("text"), folder.join("json"));
    let table = r#"
        user[name]=x => {"user":{"name":"x"}}
        a[]=1 a[]:=2 => {"a":["1",2]}
        a[b][]:=2 a[b][]:=true => {"a":{"b":[2,true]}}
        a[0]=x a[2]=y => {"a":["x",null,"y"]}
        []:=1 []=x => [1,"x"]
        [0][a]=x [0][b]=y => [{"a":"x","b":"y"}]
        a\[b\]=1 => {"a[b]":"1"}
        a[\1]=x a\:b=y => {"a":{"1":"x"},"a:b":"y"}
        a[b/c?d]=x => {"a":{"b/c?d":"x"}}
        a[t]=@{text} => {"a":{"t":"a\nb"}}
        a[j]:=@{json} => {"a":{"j":[1,{"x":2}]}}
        a:={"x":1} a[y]=2 => {"a":{"x":1,"y":"2"}}
        platform[name]=HTTPie platform[about][mission]=m platform[apps][]=Terminal platform[apps][]=Web => {"platform":{"name":"HTTPie","about":{"mission":"m"},"apps":["Terminal","Web"]}}
    "#;
    for (items, want) in table::cases(table) {
        let items = items.replace("{text}", &text).replace("{json}", &json);
        let items: Vec<_> = table::arguments(&items).collect();
        let items: Vec<_> = items.iter().map(String::as_str).collect();
        assert_eq!(content(&items), want, "{items:?}");
    }
}

#[test]
fn a_form_takes_names_as_they_are() {
    let folder = Folder::new().with("f", "file");
    let file = format!("f[x]@{}", folder.join("f"));
    let content = content(&["a[b]=1", "c[]:=2", r"d\[e=3", &file]);
    for want in [
        "name=\"a[b]\"\r\n\r\n1\r\n",
        "name=\"c[]\"\r\n\r\n2\r\n",
        "name=\"d\\[e\"\r\n\r\n3\r\n",
        "name=\"f[x]\"; filename=\"f\"\r\n",
    ] {
        assert!(content.contains(want), "{want}: {content}");
    }
}

#[test]
fn mistakes_name_the_position() {
    let table = r#"
        a[b=1 => expected ']' at position 4 of "a[b"
        a]=1 => expected '[' at position 2
        a[b]c=1 => expected '[' at position 5
        [x]=1 => expected a number or ']' at position 2
        a[-1]=1 => a negative index at position 3
        a=1 a[b]=2 => "a" is a text already, and an object is needed at position 2
        []=1 a=2 => the whole value is a list already
        a[1000000000]=1 => more than 100000 values left out at position 2
    "#;
    for (items, want) in table::cases(table) {
        let mut words = vec!["POST".to_owned(), "http://127.0.0.1:1/".to_owned()];
        words.extend(table::arguments(items));
        let outcome = get(&words).fails(2);
        assert!(outcome.stderr.contains(want), "{items}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 2, "{outcome:?}");
    }
    let deep = format!("a{}=1", "[]".repeat(1000));
    let outcome = get(["POST", "http://127.0.0.1:1/", &deep]).fails(2);
    assert!(
        outcome.stderr.contains("nested more than 100 deep"),
        "{outcome:?}"
    );
}

/// Without a method the words behind a URL may be URLs.
#[test]
fn nested_items_and_urls_are_told_apart() {
    let server = Server::answering([HELLO]);
    get([server.url("/"), "[]=1".into(), "[1][x]=2".into()]).succeeds();
    assert!(server.request().ends_with("\r\n\r\n[\"1\",{\"x\":\"2\"}]"));
    let server = Server::answering([HELLO; 3]);
    get([server.url("/a"), server.url("/[1-2]?a=b")]).succeeds();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn paths_of_files_are_taken_as_they_are() {
    let folder = Folder::new();
    for name in [
        "a;b.txt",
        "a,b.txt",
        "\"a\".txt",
        "a;type=x",
        "a b;filename=c",
        "<a",
        "(",
        "=)",
    ] {
        folder.write(name, name);
        let item = format!("f@{}", folder.join(name));
        let content = content(&[&item]);
        let filename = format!("filename=\"{}\"", name.replace('"', "%22"));
        assert!(content.contains(&filename), "{name}: {content}");
        assert!(
            content.contains(&format!("\r\n\r\n{name}\r\n")),
            "{name}: {content}"
        );
    }
    let item = format!("f@{};type=a/b", folder.join("a;b.txt"));
    assert!(content(&[&item]).contains("Content-Type: a/b\r\n\r\na;b.txt"));
}
