//! The fields of a request, in order.

/// Fields in order. One that is given with -H takes the place of one that is sent by default.
#[derive(Debug, Clone, Default)]
pub(in crate::get) struct Fields(Vec<Field>);

#[derive(Debug, Clone)]
struct Field {
    name: String,
    value: Vec<u8>,
    is_default: bool,
}

impl Fields {
    pub(in crate::get) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0
            .retain(|field| !field.name.eq_ignore_ascii_case(name));
        self.0.push(Field {
            name: name.to_owned(),
            value: value.as_ref().to_vec(),
            is_default: true,
        });
    }

    pub(in crate::get) fn append(&mut self, name: &str, value: &[u8]) {
        self.0.push(Field {
            name: name.to_owned(),
            value: value.to_owned(),
            is_default: false,
        });
    }

    pub(in crate::get) fn remove_default(&mut self, name: &str) {
        self.0
            .retain(|field| !(field.is_default && field.name.eq_ignore_ascii_case(name)));
    }

    pub(in crate::get) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(in crate::get) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_slice()))
    }
}
