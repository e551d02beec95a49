//! Settings of an upstream about what is told to whom.

use super::network::Network;
use super::upstream::UpstreamBuilder;

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

    /// Tells clients in Server-Timing how long the server took to accept and to respond.
    #[must_use]
    pub fn send_server_timing(mut self, sends: bool) -> Self {
        self.settings.sends_timing = sends;
        self
    }
}
