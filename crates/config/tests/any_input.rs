//! Whatever file and environment hold, the answer is a configuration or one line per problem.

use config::{Config, Format, Loaded, Problems, load_text};
use proptest::prelude::*;

fn answer_is_orderly(result: Result<Loaded, Problems>) -> Result<(), TestCaseError> {
    match result {
        Ok(loaded) => {
            let lines = loaded.show(Format::Text);
            prop_assert!(lines.lines().count() > 50);
        }
        Err(problems) => {
            prop_assert!(problems.iter().count() > 0);
            for problem in &problems {
                let line = problem.to_string();
                prop_assert!(!line.contains(['\n', '\r', '\0']), "{line:?}");
            }
        }
    }
    Ok(())
}

fn variable() -> impl Strategy<Value = String> {
    let known: Vec<&str> = Config::spec()
        .walk()
        .into_iter()
        .flat_map(|section| section.keys)
        .filter_map(|key| key.variable)
        .chain(["AUTHPLANE_RESOURCE_URI", "AUTHPLANE_RESOURCE_SCOPES"])
        .collect();
    prop_oneof![
        4 => prop::sample::select(known).prop_map(str::to_owned),
        1 => "AUTHPLANE_\\PC*",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9.hmsµun+-]{0,12}",
        "(https?|postgres|javascript)://[a-z*@:.\\[\\]0-9/?#-]{0,20}",
        "[a-z0-9.:\\[\\]]{0,8}:[0-9]{0,6}",
        "-?[0-9]{1,30}",
        Just("true".to_owned()),
    ]
}

fn scalar_or_nested() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        value().prop_map(Into::into),
    ];
    let names: Vec<String> = Config::spec()
        .walk()
        .into_iter()
        .flat_map(|section| {
            section
                .keys
                .iter()
                .map(|key| key.path)
                .chain([section.path()])
        })
        .flat_map(|path| path.split('.'))
        .map(|part| part.trim_end_matches("[]").to_owned())
        .collect();
    leaf.prop_recursive(4, 64, 6, move |inner| {
        let name = prop_oneof![
            8 => prop::sample::select(names.clone()),
            1 => any::<String>(),
        ];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            4 => prop::collection::vec((name, inner), 0..6)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_as_file(text: String) {
        answer_is_orderly(load_text(Some(("f", &text)), []))?;
    }

    #[test]
    fn any_text_of_yaml_characters_as_file(text in "[a-z0-9:\\-\\[\\]{},#&*!|>'\"%@ \n]{0,80}") {
        answer_is_orderly(load_text(Some(("f", &text)), []))?;
    }

    #[test]
    fn any_tree_as_file(tree in scalar_or_nested()) {
        answer_is_orderly(load_text(Some(("f", &tree.to_string())), []))?;
    }

    #[test]
    fn any_environment(variables in prop::collection::vec((variable(), value()), 0..6)) {
        answer_is_orderly(load_text(None, variables))?;
    }
}
