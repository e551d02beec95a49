//! Flags for downloads: where to, how persistently, how fast.

use std::path::PathBuf;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Downloads")]
pub(in crate::get) struct DownloadArgs {
    /// Write the content to FILE, once for each URL; #1 is the value of the URL's first [1-9] or
    /// {a,b}
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::get) output: Vec<PathBuf>,
    /// Write the content to a file with the name in the URL's path
    #[arg(short = 'O', long, visible_alias = "remote-name-all")]
    pub(in crate::get) remote_name: bool,
    /// With -O, let the server name the file (Content-Disposition)
    #[arg(short = 'J', long)]
    pub(in crate::get) remote_header_name: bool,
    /// Write the files of -o and -O into DIR
    #[arg(long, value_name = "DIR")]
    pub(in crate::get) output_dir: Option<PathBuf>,
    /// Create missing directories of -o, --output-dir, -D and --etag-save
    #[arg(long)]
    pub(in crate::get) create_dirs: bool,
    /// Overwrite an existing file; the default for -o, not for -O
    #[arg(long, overrides_with = "no_clobber")]
    pub(in crate::get) clobber: bool,
    /// Write to NAME.1, NAME.2, … instead of overwriting NAME
    #[arg(long)]
    pub(in crate::get) no_clobber: bool,
    /// Set the file's date to the response's Last-Modified
    #[arg(short = 'R', long)]
    pub(in crate::get) remote_time: bool,
    /// Resume a file that another program began, at byte OFFSET; - is its end. With -T, upload the
    /// rest
    #[arg(
        short = 'C',
        long,
        value_name = "OFFSET|-",
        allow_hyphen_values = true,
        conflicts_with = "range"
    )]
    pub(in crate::get) continue_at: Option<String>,
    /// Retry up to N times in a row, resuming where it stopped [default: 3 for an interrupted
    /// download to a file, otherwise 0]
    #[arg(long, value_name = "N", env = "TINYHTTP_RETRY", hide_env = true)]
    pub(in crate::get) retry: Option<u32>,
    /// Wait SECONDS before each retry [default: 1, 2, 4, …, or the Retry-After of the response]
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::get) retry_delay: Option<f64>,
    /// Start no retry later than SECONDS after the first try
    #[arg(long, value_name = "SECONDS")]
    pub(in crate::get) retry_max_time: Option<f64>,
    /// Retry after any failure, not only after transient ones
    #[arg(long)]
    pub(in crate::get) retry_all_errors: bool,
    /// Verify the content's checksum: sha256:HEX or sha512:HEX
    #[arg(long, value_name = "SUM")]
    pub(in crate::get) checksum: Option<String>,
    /// With several URLs, stop at the first failure
    #[arg(long)]
    pub(in crate::get) fail_early: bool,
    /// Fetch several URLs in parallel
    #[arg(short = 'Z', long)]
    pub(in crate::get) parallel: bool,
    /// With -Z, fetch at most N at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=300))]
    pub(in crate::get) parallel_max: u16,
    /// Fetch a large file in N parts, each over its own connection
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(in crate::get) parallel_segments: u16,
    /// Limit the transfer to RATE bytes per second: 500K, 2M
    #[arg(long, value_name = "RATE", value_parser = bytes, env = "TINYHTTP_LIMIT_RATE", hide_env = true)]
    pub(in crate::get) limit_rate: Option<u64>,
    /// Give up when the transfer stays slower than RATE bytes per second for the time of -y
    #[arg(short = 'Y', long, value_name = "RATE", value_parser = bytes)]
    pub(in crate::get) speed_limit: Option<u64>,
    /// How long a transfer may stay slower than -Y [default: 30]
    #[arg(short = 'y', long, value_name = "SECONDS")]
    pub(in crate::get) speed_time: Option<f64>,
    /// Refuse content of more than BYTES
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(in crate::get) max_filesize: Option<u64>,
    /// Show a progress bar even when no file is written
    #[arg(short = '#', long)]
    pub(in crate::get) progress_bar: bool,
    /// Don't show a progress bar
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
