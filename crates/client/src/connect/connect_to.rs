//! Rules that connect to another host than the URL's.

use crate::origin::Origin;
use crate::zone;
use url::Host;

/// A rule that connects to another host and port than the URL's. The request still names those of
/// the URL.
///
/// ```
/// use tinyhttp_client::{Client, ConnectTo};
///
/// let mut rule = ConnectTo::default();
/// rule.from_host = Some(url::Host::parse("example.org")?);
/// rule.port = Some(8080);
/// let client = Client::builder().connect_to(rule).build();
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectTo {
    /// For URLs of this host; `None`: of any.
    pub from_host: Option<Host<String>>,
    /// For URLs of this port; `None`: of any.
    pub from_port: Option<u16>,
    /// Connect to this host; `None`: the same.
    pub host: Option<Host<String>>,
    /// Connect to this port; `None`: the same.
    pub port: Option<u16>,
}

impl ConnectTo {
    pub(super) fn applies(&self, origin: &Origin) -> bool {
        self.from_host
            .as_ref()
            .is_none_or(|host| zone::is_about(host, &origin.host))
            && self.from_port.is_none_or(|port| port == origin.port)
    }
}
