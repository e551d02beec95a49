//! One palette: the guide's colours are those of the server's own pages.

use std::collections::BTreeMap;

/// The custom properties that hold colours, by name: for light screens and for dark ones.
fn colours(css: &str) -> BTreeMap<String, Vec<String>> {
    let mut colours: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let declarations = css.split([';', '{', '}']);
    for declaration in declarations {
        let pair = declaration.trim().split_once(':');
        if let Some((name, value)) = pair
            && name.starts_with("--")
            && value.trim().starts_with('#')
        {
            let values = colours.entry(name.to_owned()).or_default();
            values.push(value.trim().to_owned());
        }
    }
    colours
}

#[test]
fn the_guide_has_the_colours_of_listings_and_error_pages() {
    let read = |path: &str| std::fs::read_to_string(support::root().join(path)).unwrap();
    let palette = colours(&read("crates/server/src/page/palette.css"));
    let guide = colours(&read("www/style.css"));
    assert!(palette.len() >= 8, "{palette:?}");
    for (name, values) in &palette {
        assert_eq!(values.len(), 2, "{name} needs a light and a dark colour");
        // The guide has a third value of some, for paper.
        let guide = guide.get(name).map(|values| &values[..2]);
        assert_eq!(guide, Some(&values[..]), "{name}");
    }
}
