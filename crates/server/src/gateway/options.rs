//! Settings of an upstream about what is told to whom, and about content.

use super::buffering::Buffering;
use super::network::Network;
use super::sent::{SentFiles, sent_files};
use super::upstream::UpstreamBuilder;
use std::time::Duration;

impl UpstreamBuilder {
    /// Continues the X-Forwarded-* and Forwarded fields of requests that come from these networks,
    /// where other proxies are. Those of other clients are replaced.
    ///
    /// ```
    /// use tinyhttp_server::gateway::{Network, Upstream};
    ///
    /// let balancers: Network = "10.0.0.0/24".parse().unwrap();
    /// let target = "http://127.0.0.1:9000".parse().unwrap();
    /// let application = Upstream::builder([target]).trust_proxies([balancers]).build();
    /// # let _ = application;
    /// ```
    #[must_use]
    pub fn trust_proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.options.trusted = networks.into_iter().collect();
        self
    }

    /// Tells clients in Server-Timing how long the server took to accept and to respond, and how
    /// long the request waited for a server with room, if it did.
    #[must_use]
    pub fn send_server_timing(mut self, sends: bool) -> Self {
        self.settings.sends_timing = sends;
        self
    }

    /// Receives the content of each request whole before it takes a connection to a server, so that
    /// a slow client keeps none of the server's processes busy.
    ///
    /// The server gets the content with its length, however the client sent it, and without trailer
    /// fields. `Expect: 100-continue` is answered here. A request with an idempotent method may be
    /// sent again whatever the length of its content. Unless this is set, content is forwarded as
    /// it comes.
    ///
    /// ```
    /// use tinyhttp_server::gateway::{Buffering, Upstream};
    ///
    /// let target = "http://127.0.0.1:9000".parse().unwrap();
    /// let application = Upstream::builder([target])
    ///     .buffer_requests(Buffering::default())
    ///     .build();
    /// # let _ = application;
    /// ```
    #[must_use]
    pub fn buffer_requests(mut self, buffering: Buffering) -> Self {
        self.options.buffering = Some(buffering);
        self
    }

    /// Lets the servers name files to send in the place of their own content, in
    /// `X-Accel-Redirect` or `X-Sendfile`. Of several that the same path leads to, those with the
    /// longest prefix count. Unless this is set, these fields are removed, and not obeyed.
    #[must_use]
    pub fn send_files(mut self, files: impl IntoIterator<Item = SentFiles>) -> Self {
        self.options.sent = sent_files(files);
        self
    }

    /// Sets how many requests may wait for a server that has as many
    /// [connections](super::Target::max_connections) as it may, and for how long; 1024 and 30 s
    /// unless set. They hold no thread, and are served in the order of their arrival. Others, and
    /// those that have waited for that long, get a 503, as with HAProxy: no server has failed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tinyhttp_server::gateway::{Target, Upstream};
    ///
    /// let target: Target = "http://127.0.0.1:9000".parse().unwrap();
    /// let application = Upstream::builder([target.max_connections(8)])
    ///     .queue(100, Duration::from_secs(5))
    ///     .build();
    /// # let _ = application;
    /// ```
    #[must_use]
    pub fn queue(mut self, requests: usize, time: Duration) -> Self {
        self.settings.queue = (requests, time);
        self
    }

    /// Sets the time in which a server that is back after it failed gets its whole share of the
    /// requests: the share grows evenly from nothing, so that a server with cold caches is not
    /// flooded. None unless set. It counts with every [`Balance`](super::Balance) but those by
    /// client, which would send clients elsewhere and back; and not while all others are full.
    #[must_use]
    pub fn slow_start(mut self, time: Duration) -> Self {
        self.settings.slow_start = time;
        self
    }
}
