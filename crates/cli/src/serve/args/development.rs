//! The flags for work on a site: live reload, and opening a browser.

/// The flag for live reload.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Development")]
pub(crate) struct WatchArgs {
    /// Reload pages in the browser when a file changes; style sheets change without a reload.
    /// Implies --replaceable
    #[arg(long, env = "TINYHTTP_WATCH")]
    pub(in crate::serve) watch: bool,
}

/// The flags for opening a browser.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Development")]
pub(crate) struct BrowserArgs {
    /// Print a QR code of the URL; with -b 0.0.0.0, phones on the same network can use it
    #[arg(long, env = "TINYHTTP_QR")]
    pub(in crate::serve) qr: bool,

    /// Open the URL in the browser
    #[arg(long, env = "TINYHTTP_OPEN")]
    pub(in crate::serve) open: bool,
}
