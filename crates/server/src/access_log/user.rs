//! The user of a request: the name in its Basic credentials (RFC 7617 §2), as it was sent.

#[cfg(feature = "auth")]
use crate::basic::Basic;
use std::borrow::Cow;
use tinyhttp_message::RequestHead;

/// The name in the request's Authorization field, if that is Basic. The password is never part of
/// it.
#[cfg(feature = "auth")]
pub(crate) fn user(head: &RequestHead<'_>) -> Option<Cow<'static, [u8]>> {
    let basic = Basic::parse(head.fields.get("authorization")?)?;
    Some(Cow::Owned(basic.name))
}

/// Without authentication there are no users.
#[cfg(not(feature = "auth"))]
pub(crate) fn user(_head: &RequestHead<'_>) -> Option<Cow<'static, [u8]>> {
    None
}
