//! The head of a request, written.

use http::{Method, Version};
use std::borrow::Cow;
use tinyhttp_message::connection::RequestContent;
use tinyhttp_message::encode::HeadWriter;
use tinyhttp_message::{ClientConnection, ContentEncoder, MisuseError};

/// A request as it goes on the wire.
pub(crate) struct Outbound<'r> {
    pub(crate) method: &'r Method,
    pub(crate) target: Cow<'r, str>,
    pub(crate) version: Version,
    pub(crate) length: RequestContent,
    /// Every field but those of the framing, in order.
    pub(crate) fields: Vec<(&'r str, Cow<'r, [u8]>)>,
    /// Whether to send `Connection: close`, and close afterwards.
    pub(crate) close: bool,
    /// The protocol to switch to.
    pub(crate) upgrade: Option<&'r [u8]>,
    /// Whether to wait for `100 Continue` before the content goes out.
    pub(crate) expect_continue: bool,
}

impl Outbound<'_> {
    /// Writes the head.
    pub(crate) fn write(
        &self,
        protocol: &mut ClientConnection,
        out: &mut Vec<u8>,
    ) -> Result<ContentEncoder, MisuseError> {
        let fields = |head: &mut HeadWriter<'_>| {
            for (name, value) in self.fields.iter().filter(|field| !is_form(field)) {
                head.field(name, value)?;
            }
            if self.close {
                head.field("Connection", b"close")?;
            }
            if let Some(protocol) = self.upgrade {
                head.field("Connection", b"Upgrade")?;
                head.field("Upgrade", protocol)?;
            }
            Ok(())
        };
        let start = out.len();
        let encoder = protocol.request(
            self.method,
            &self.target,
            self.version,
            self.length,
            out,
            fields,
        )?;
        // A form's type stands behind its length, as with curl, and the expectation last.
        let mut head = HeadWriter::reopen(out);
        let mut write_rest = || {
            for (name, value) in self.fields.iter().filter(|field| is_form(field)) {
                head.field(name, value)?;
            }
            if self.expect_continue {
                head.field("Expect", b"100-continue")?;
            }
            Ok(())
        };
        let written = write_rest();
        head.finish();
        if written.is_err() {
            out.truncate(start);
        }
        written.map(|()| encoder)
    }
}

/// Whether a field says that the content is a form.
fn is_form((name, value): &(&str, Cow<'_, [u8]>)) -> bool {
    let is_one =
        |kind: &[u8]| value.len() >= kind.len() && value[..kind.len()].eq_ignore_ascii_case(kind);
    name.eq_ignore_ascii_case("content-type")
        && (is_one(b"application/x-www-form-urlencoded") || is_one(b"multipart/form-data"))
}
