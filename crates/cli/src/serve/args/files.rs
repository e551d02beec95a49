//! The flags that say which files of the directory are served, and how.

use http::HeaderValue;
use tinyhttp_server::files::{Options, Symlinks};

/// The flags about the files of the directory.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Files")]
pub(crate) struct FilesArgs {
    /// File to serve for a directory; repeatable, the first that exists is used [default:
    /// index.html, then index.EXT for --fastcgi '*.EXT=…' and --cgi '*.EXT']
    #[arg(
        long,
        value_name = "NAME",
        env = "TINYHTTP_INDEX",
        value_parser = index,
        value_delimiter = ','
    )]
    index: Vec<String>,

    /// Single-page application: serve the index of DIR for paths that don't exist
    #[arg(long, env = "TINYHTTP_SPA")]
    spa: bool,

    /// Serve about.html at /about, and redirect /about.html to /about
    #[arg(long, env = "TINYHTTP_CLEAN_URLS")]
    clean_urls: bool,

    /// Serve DIR below this URL path only, such as /docs
    #[arg(long, value_name = "PATH", env = "TINYHTTP_BASE", value_parser = base)]
    base: Option<String>,

    /// Answer 404 for a directory without an index instead of listing it
    #[arg(long, env = "TINYHTTP_NO_LISTING")]
    no_listing: bool,

    /// Serve names that begin with a dot, too
    #[arg(long, env = "TINYHTTP_HIDDEN")]
    hidden: bool,

    /// Symbolic links to follow
    #[arg(long, value_enum, default_value_t = Links::Inside, value_name = "WHICH", env = "TINYHTTP_FOLLOW_SYMLINKS")]
    follow_symlinks: Links,

    /// Media type of files with the extension EXT, as in md=text/plain; repeatable
    ///
    /// .=TYPE is for files without an extension, *=TYPE for files with an unknown one. Without
    /// these, such files are plain text if their first KiB is UTF-8.
    #[arg(long, value_name = "EXT=TYPE", env = "TINYHTTP_MIME", value_parser = media_type, value_delimiter = ',')]
    mime: Vec<(String, HeaderValue)>,

    /// Cache-Control of paths that match GLOB, as in '*.css=max-age=60'; repeatable, the first
    /// match counts
    #[arg(long, value_name = "GLOB=VALUE", env = "TINYHTTP_CACHE", value_parser = cache_rule)]
    cache: Vec<(String, HeaderValue)>,

    /// Don't compress responses; precompressed files (app.js.br, .zst, .gz) are still sent
    #[arg(long, env = "TINYHTTP_NO_COMPRESS")]
    no_compress: bool,

    /// Memory for cached files, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, env = "TINYHTTP_CACHE_SIZE", value_parser = clap::value_parser!(u32).range(..=1_048_576))]
    cache_size: u32,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Links {
    /// None; the response is 404
    Never,
    /// Links to something inside DIR
    Inside,
    /// All links
    Anywhere,
}

impl FilesArgs {
    /// Whether files outside the directory are to be read, too.
    pub(in crate::serve) fn leads_outside(&self) -> bool {
        matches!(self.follow_symlinks, Links::Anywhere)
    }

    /// Returns the URL path of the directory, with a slash at its end.
    pub(in crate::serve) fn path(&self) -> String {
        let base = self.base.as_deref().unwrap_or_default();
        format!("{}/", base.trim_end_matches('/'))
    }

    /// Returns the options of the handler. `scripts` are index files that are run.
    pub(in crate::serve) fn options(&self, scripts: Vec<String>) -> Options {
        let mut options = Options::new()
            .spa(self.spa)
            .clean_urls(self.clean_urls)
            .hidden(self.hidden)
            .listing(!self.no_listing)
            .symlinks(match self.follow_symlinks {
                Links::Never => Symlinks::Never,
                Links::Inside => Symlinks::Inside,
                Links::Anywhere => Symlinks::Anywhere,
            })
            // At most a tebibyte, which a usize holds where a machine could have it.
            .cache_size((self.cache_size as usize).saturating_mul(1024 * 1024));
        if self.no_compress {
            options = options.compress(false);
        }
        options = match self.index.is_empty() {
            true => options.index(std::iter::once("index.html".to_owned()).chain(scripts)),
            false => options.index(&self.index),
        };
        if let Some(base) = &self.base {
            options = options.base(base);
        }
        for (ending, media_type) in &self.mime {
            options = options.media_type(ending, media_type.clone());
        }
        for (glob, value) in &self.cache {
            options = options.cache_control(glob, value.clone());
        }
        options
    }
}

fn index(text: &str) -> Result<String, String> {
    if text.contains('/') || text.is_empty() {
        return Err("expected the name of a file, without a path".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses a path as it stands in a URL.
fn base(text: &str) -> Result<String, String> {
    let is_ordinary =
        |character: char| character.is_ascii_graphic() && !"?#\\\"<>".contains(character);
    if text.starts_with('/') && !text.contains("//") && text.chars().all(is_ordinary) {
        return Ok(text.to_owned());
    }
    Err("expected a URL path such as /docs".to_owned())
}

fn media_type(text: &str) -> Result<(String, HeaderValue), String> {
    let (ending, value) = pair(text)?;
    if !value.as_bytes().contains(&b'/') {
        return Err("a media type looks like text/plain".to_owned());
    }
    Ok((ending.trim_start_matches('.').to_owned(), value))
}

fn cache_rule(text: &str) -> Result<(String, HeaderValue), String> {
    pair(text)
}

/// Splits at the first `=`. Neither side may be empty.
fn pair(text: &str) -> Result<(String, HeaderValue), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            let value =
                HeaderValue::from_str(value).map_err(|_| "the value can't stand in a field")?;
            Ok((name.to_owned(), value))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        for right in ["/", "/docs", "/docs/", "/a/b%20c"] {
            assert_eq!(base(right), Ok(right.to_owned()));
        }
        for wrong in ["", "docs", "//docs", "/a?b", "/a b", "/ü", "/\u{1b}"] {
            assert!(base(wrong).is_err(), "{wrong:?}");
        }
        assert!(index("home.htm").is_ok() && index("a/b").is_err() && index("").is_err());
    }

    #[test]
    fn pairs() {
        assert_eq!(
            media_type(".md=text/plain"),
            Ok(("md".to_owned(), HeaderValue::from_static("text/plain")))
        );
        for (text, ending) in [
            (".=text/plain", ""),
            ("*=text/plain", "*"),
            (".*=text/plain", "*"),
        ] {
            let media_type = HeaderValue::from_static("text/plain");
            assert_eq!(
                self::media_type(text),
                Ok((ending.to_owned(), media_type)),
                "{text}"
            );
        }
        assert_eq!(
            cache_rule("*.css=max-age=60"),
            Ok(("*.css".to_owned(), HeaderValue::from_static("max-age=60")))
        );
        for wrong in ["md", "=text/plain", "md=", "md=text", "md=text/\n"] {
            assert!(media_type(wrong).is_err(), "{wrong:?}");
        }
    }
}
