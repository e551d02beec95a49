//! The fields of a request, in order.

/// Fields in order. One that is given with -H takes the place of one that is sent by default.
#[derive(Debug, Clone, Default)]
pub(in crate::get) struct Fields {
    fields: Vec<Field>,
    /// The names of fields that -H gave or removed.
    named: Vec<String>,
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    value: Vec<u8>,
    is_default: bool,
}

impl Fields {
    pub(in crate::get) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.fields
            .retain(|field| !field.name.eq_ignore_ascii_case(name));
        self.fields.push(Field {
            name: name.to_owned(),
            value: value.as_ref().to_vec(),
            is_default: true,
        });
    }

    /// Sets all of these fields that -H neither gave nor removed.
    pub(in crate::get) fn set_all(&mut self, others: &Fields) {
        for (name, value) in others.iter() {
            if !self.is_named(name) {
                self.set(name, value);
            }
        }
    }

    pub(in crate::get) fn remove(&mut self, name: &str) {
        self.fields
            .retain(|field| !field.name.eq_ignore_ascii_case(name));
    }

    /// Whether -H gave or removed the field, so that it is not sent by default.
    pub(in crate::get) fn is_named(&self, name: &str) -> bool {
        self.named
            .iter()
            .any(|named| named.eq_ignore_ascii_case(name))
    }

    pub(in crate::get) fn append(&mut self, name: &str, value: &[u8]) {
        self.fields.push(Field {
            name: name.to_owned(),
            value: value.to_owned(),
            is_default: false,
        });
    }

    pub(in crate::get) fn remove_default(&mut self, name: &str) {
        self.named.push(name.to_owned());
        self.fields
            .retain(|field| !(field.is_default && field.name.eq_ignore_ascii_case(name)));
    }

    pub(in crate::get) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(in crate::get) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_slice()))
    }
}
