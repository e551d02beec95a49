//! Flags for downloads: where to, how persistently, how fast.

use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Downloads")]
pub(in crate::get) struct DownloadArgs {
    /// Write the content to FILE, once for each URL; #1 is the value of the URL's first [1-9] or
    /// {a,b}
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::get) output: Vec<PathBuf>,
    /// Write it to a file named as in the URL
    #[arg(short = 'O', long, visible_alias = "remote-name-all")]
    pub(in crate::get) remote_name: bool,
    /// With -O, let the server name the file (Content-Disposition)
    #[arg(short = 'J', long, requires = "remote_name")]
    pub(in crate::get) remote_header_name: bool,
    /// Put files there
    #[arg(long, value_name = "DIR")]
    pub(in crate::get) output_dir: Option<PathBuf>,
    /// Make the folders that -o and --output-dir name
    #[arg(long)]
    pub(in crate::get) create_dirs: bool,
    /// Overwrite a file that is there; what -o does anyway, and -O doesn't
    #[arg(long, overrides_with = "no_clobber")]
    pub(in crate::get) clobber: bool,
    /// Write to NAME.1, NAME.2, … rather than overwrite
    #[arg(long)]
    pub(in crate::get) no_clobber: bool,
    /// Give the file the date of Last-Modified
    #[arg(short = 'R', long)]
    pub(in crate::get) remote_time: bool,
    /// Resume a file that another program began: at byte OFFSET, or with - where it ends
    #[arg(
        short = 'C',
        long,
        value_name = "OFFSET|-",
        allow_hyphen_values = true,
        conflicts_with = "range"
    )]
    pub(in crate::get) continue_at: Option<String>,
    /// Try so often again in a row, going on where it stopped; 3 for an interrupted download to a
    /// file, else 0
    #[arg(long, value_name = "N", env = "TINYHTTP_RETRY", hide_env = true)]
    pub(in crate::get) retry: Option<u32>,
    /// Wait so long before each try; otherwise 1 s, 2 s, 4 s, … or what Retry-After says
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::get) retry_delay: Option<f64>,
    /// Don't begin another try after so long
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::get) retry_max_time: Option<f64>,
    /// Try again after any failure, not only those that may pass
    #[arg(long)]
    pub(in crate::get) retry_all_errors: bool,
    /// Verify the content: sha256:HEX or sha512:HEX
    #[arg(long, value_name = "SUM")]
    pub(in crate::get) checksum: Option<String>,
    /// With several URLs, end at the first that fails
    #[arg(long)]
    pub(in crate::get) fail_early: bool,
    /// Fetch all URLs at once
    #[arg(short = 'Z', long)]
    pub(in crate::get) parallel: bool,
    /// But at most so many
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=300))]
    pub(in crate::get) parallel_max: u16,
    /// Fetch a large file over N connections, each a part of it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(in crate::get) parallel_segments: u16,
    /// At most so many bytes in a second: 500K, 2M
    #[arg(long, value_name = "RATE", value_parser = bytes, env = "TINYHTTP_LIMIT_RATE", hide_env = true)]
    pub(in crate::get) limit_rate: Option<u64>,
    /// Give up when fewer bytes than that come in a second, for --speed-time
    #[arg(short = 'Y', long, value_name = "RATE", value_parser = bytes)]
    pub(in crate::get) speed_limit: Option<u64>,
    /// How long that may last; 30 s by default
    #[arg(short = 'y', long, value_name = "SECONDS")]
    pub(in crate::get) speed_time: Option<f64>,
    /// Refuse content longer than that
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(in crate::get) max_filesize: Option<u64>,
    /// Show a progress bar even for output that isn't a file
    #[arg(short = '#', long)]
    pub(in crate::get) progress_bar: bool,
    /// Show no progress bar
    #[arg(long)]
    pub(in crate::get) no_progress_meter: bool,
}

/// A number of bytes, with K, M or G for powers of 1024, as curl reads it.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        unit => return Err(format!("{unit:?} is not a unit; use K, M or G")),
    };
    let number: f64 = digits.parse().map_err(|_| "not a number".to_owned())?;
    let bytes = number * (1u64 << shift) as f64;
    if !(1.0..1e18).contains(&bytes) {
        return Err("it has to be at least 1".to_owned());
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn numbers_of_bytes() {
        let table = [
            ("1", Some(1)),
            ("500K", Some(512_000)),
            ("2m", Some(2 << 20)),
            ("1.5G", Some(3 << 29)),
            ("0", None),
            ("-1", None),
            ("", None),
            ("K", None),
            ("5X", None),
            ("1e99", None),
            ("nan", None),
        ];
        for (text, want) in table {
            assert_eq!(bytes(text).ok(), want, "{text}");
        }
    }
}
