//! Media types that `mime_guess` doesn't know or knows otherwise.
//!
//! Types are IANA's where IANA has one. `text/plain` stands for all other text, program sources
//! above all: browsers show it, but save `application/toml` or, in Firefox, `text/x-rust` to disk.

/// Extensions and their types, each with its source. In lower case, sorted.
#[rustfmt::skip]
pub(super) const TYPES: &[(&str, &str)] = &[
    ("3mf", "model/3mf"),                                     // IANA
    ("arrow", "application/vnd.apache.arrow.file"),           // IANA
    ("br", "application/x-brotli"),                           // not registered; as nginx
    ("cbr", "application/vnd.comicbook-rar"),                 // IANA
    ("cbz", "application/vnd.comicbook+zip"),                 // IANA; mime_guess has that of cbr
    ("cer", "application/pkix-cert"),                         // IANA, RFC 2585
    ("cff", "font/collection"),                               // IANA, RFC 8081
    ("cjs", "text/javascript"),                               // RFC 9239
    ("deb", "application/vnd.debian.binary-package"),         // IANA
    ("dtd", "application/xml-dtd"),                           // RFC 7303; the content declares the encoding
    ("dwg", "image/vnd.dwg"),                                 // IANA
    ("dxf", "image/vnd.dxf"),                                 // IANA
    ("emf", "image/emf"),                                     // RFC 7903
    ("ent", "application/xml-external-parsed-entity"),        // RFC 7303
    ("ipynb", "application/x-ipynb+json"),                    // as Jupyter
    ("jsonl", "application/jsonl"),                           // proposed by its specification
    ("m3u", "application/vnd.apple.mpegurl"),                 // RFC 8216 §4
    ("m3u8", "application/vnd.apple.mpegurl"),                // RFC 8216 §4
    ("m4a", "audio/mp4"),                                     // RFC 4337
    ("m4v", "video/mp4"),                                     // RFC 4337
    ("manifest", "text/cache-manifest"),                      // IANA; not a ClickOnce manifest
    ("map", "application/json"),                              // ECMA-426
    ("mid", "audio/midi"),                                    // Apache and nginx
    ("midi", "audio/midi"),                                   // Apache and nginx
    ("mjs", "text/javascript"),                               // RFC 9239
    ("mml", "application/mathml+xml"),                        // IANA
    ("mtl", "model/mtl"),                                     // IANA
    ("ndjson", "application/x-ndjson"),                       // proposed by its specification
    ("obj", "model/obj"),                                     // IANA; not a drawing of tgif
    ("opml", "application/xml"),                              // XML, which declares its encoding
    ("otf", "font/otf"),                                      // IANA, RFC 8081
    ("p12", "application/pkcs12"),                            // RFC 7292
    ("pem", "application/pem-certificate-chain"),             // RFC 8555 §9.1
    ("pfx", "application/pkcs12"),                            // RFC 7292
    ("psd", "image/vnd.adobe.photoshop"),                     // IANA
    ("rar", "application/vnd.rar"),                           // IANA
    ("rpm", "application/x-redhat-package-manager"),          // nginx and Debian; not RealAudio
    ("sqlite", "application/vnd.sqlite3"),                    // IANA
    ("sqlite3", "application/vnd.sqlite3"),                   // IANA
    ("step", "model/step"),                                   // IANA
    ("stl", "model/stl"),                                     // IANA; not a certificate trust list
    ("stp", "model/step"),                                    // IANA
    ("swf", "application/vnd.adobe.flash.movie"),             // IANA
    ("tgz", "application/gzip"),                              // RFC 6713
    ("topojson", "application/geo+json"),                     // nearest registered type
    ("ttml", "application/ttml+xml"),                         // IANA
    ("udeb", "application/vnd.debian.binary-package"),        // IANA
    ("usda", "model/vnd.usda"),                               // IANA
    ("usdz", "model/vnd.usdz+zip"),                           // IANA
    ("vcf", "text/vcard"),                                    // RFC 6350
    ("wgsl", "text/wgsl"),                                    // IANA
    ("wmf", "image/wmf"),                                     // RFC 7903
    ("woff", "font/woff"),                                    // IANA, RFC 8081
    ("wrl", "model/vrml"),                                    // IANA
    ("wsdl", "application/wsdl+xml"),                         // IANA
    ("xlf", "application/xliff+xml"),                         // IANA
    ("xliff", "application/xliff+xml"),                       // IANA
    ("xsl", "application/xslt+xml"),                          // IANA
    ("xslt", "application/xslt+xml"),                         // IANA
    ("zone", "text/dns"),                                     // RFC 4027
    ("zst", "application/zstd"),                              // RFC 8878
];

/// Extensions of text that browsers should show, mostly program sources and settings. Sorted.
#[rustfmt::skip]
pub(super) const PLAIN: &[&str] = &[
    "adb", "adoc", "ads", "asciidoc", "ass", "astro", "awk", "bash", "bat", "bazel", "bib", "bzl",
    "cfg", "clj", "cljs", "cls", "cmake", "cmd", "coffee", "conf", "cr", "csh", "cts", "cue", "d",
    "dart", "diff", "diz", "dockerfile", "editorconfig", "ejs", "el", "elm", "env", "erb", "erl",
    "ex", "exs", "fish", "fs", "fsi", "fsscript", "fsx", "gd", "gemspec", "gitattributes",
    "gitignore", "glsl", "go", "gql", "gradle", "graphql", "groovy", "haml", "hcl", "hlsl", "hrl",
    "hs", "ini", "j2", "java", "jinja", "jl", "jsonc", "kt", "kts", "latex", "less", "lhs",
    "lisp", "litcoffee", "lock", "log", "lrc", "lua", "mdx", "mk", "ml", "mli", "mustache", "nfo",
    "nim", "nix", "njk", "pas", "patch", "php", "pl", "pm", "po", "pp", "properties", "proto",
    "ps1", "psm1", "pug", "r", "rake", "rb", "rkt", "rmd", "rs", "rst", "sass", "sbt", "sbv",
    "scala", "scss", "sed", "service", "sh", "sol", "sql", "srt", "ssa", "sty", "styl", "sum",
    "sv", "svelte", "swift", "tcl", "tex", "texi", "texinfo", "tf", "tfvars", "thrift", "tk",
    "toml", "tsx", "vala", "vhdl", "vim", "vue", "wat", "work", "yaml", "yml", "zig", "zsh",
];

/// Extensions that text shares with another format, which the file has if its content is not text.
/// Sorted.
#[rustfmt::skip]
pub(super) const EITHER: &[(&str, &str)] = &[
    ("dot", "application/msword"),                 // Graphviz, or a template
    ("m2t", "video/mp2t"),                         // RFC 3555
    ("m2ts", "video/mp2t"),                        // RFC 3555
    ("mm", "application/octet-stream"),            // Objective-C++, or a mind map
    ("mod", "application/octet-stream"),           // go.mod, or music
    ("mts", "video/mp2t"),                         // TypeScript, or a camera's transport stream
    ("org", "application/vnd.lotus-organizer"),    // Emacs, or Lotus
    ("pot", "application/vnd.ms-powerpoint"),      // gettext, or a template
    ("pub", "application/x-mspublisher"),          // a public key, or a brochure
    ("scm", "application/vnd.lotus-screencam"),    // Scheme, or Lotus
    ("t", "application/octet-stream"),             // a test of Perl
    ("tpl", "application/vnd.groove-tool-template"), // a template of a page, or Groove
    ("ts", "video/mp2t"),                          // TypeScript, or a transport stream
    ("vhd", "application/x-virtualbox-vhd"),       // a circuit, or a disk
];

/// Names of text files without an extension that projects have. In lower case, sorted.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    "authors", "brewfile", "changelog", "changes", "codeowners", "containerfile", "contributing",
    "contributors", "copying", "copyright", "credits", "dockerfile", "gemfile", "history",
    "install", "jenkinsfile", "justfile", "licence", "license", "maintainers", "makefile",
    "manifest", "news", "notice", "patents", "podfile", "procfile", "rakefile", "readme",
    "thanks", "todo", "unlicense", "vagrantfile", "version",
];

/// Paths without an extension whose clients demand a type. Sorted.
#[rustfmt::skip]
pub(super) const PATHS: &[(&str, &str)] = &[
    (".well-known/apple-app-site-association", "application/json"), // Apple
    (".well-known/host-meta", "application/xrd+xml"),               // RFC 6415
    (".well-known/matrix/client", "application/json"),              // Matrix, client-server API
    (".well-known/matrix/server", "application/json"),              // Matrix, server-server API
    (".well-known/matrix/support", "application/json"),             // Matrix, client-server API
    (".well-known/mta-sts.txt", "text/plain"),                      // RFC 8461
    (".well-known/nodeinfo", "application/json"),                   // NodeInfo protocol
    (".well-known/oauth-authorization-server", "application/json"), // RFC 8414
    (".well-known/oauth-protected-resource", "application/json"),   // RFC 9728
    (".well-known/openid-configuration", "application/json"),       // OpenID Connect Discovery
    (".well-known/webfinger", "application/jrd+json"),              // RFC 7033
    ("apple-app-site-association", "application/json"),             // Apple, older systems
];
