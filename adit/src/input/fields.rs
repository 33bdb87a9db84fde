use super::FieldError;
use super::form::{Form, Need};
use super::keyword::{Keyword, Word};

/// Keywords with their values, every keyword known to a form and given once.
#[derive(Debug, Clone)]
pub struct Fields {
    form: &'static Form,
    given: Vec<(&'static Word, String)>,
}

impl Fields {
    /// No fields yet.
    pub fn new(form: &'static Form) -> Fields {
        Fields {
            form,
            given: Vec::new(),
        }
    }

    /// Reads `KEYWORD VALUE` pairs, and checks that what the form needs is there.
    pub fn from_words(form: &'static Form, words: &[String]) -> Result<Fields, FieldError> {
        let mut fields = Fields::new(form);
        for pair in words.chunks(2) {
            match pair {
                [name, value] => fields.insert(name, value)?,
                [name, ..] => {
                    let word = fields.known(name)?;
                    let text = format!("no value follows; give {} {}", word.name, word.metavar);
                    return Err(FieldError::new(word.name, text));
                }
                [] => {}
            }
        }
        fields.check_needs()?;
        Ok(fields)
    }

    /// Adds one field; refuses a keyword that the form does not know, or that is there already.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), FieldError> {
        let word = self.known(name)?;
        if let Some(before) = self.text(word) {
            let text = format!("given twice, as {before} and as {value}; give it once");
            return Err(FieldError::new(word.name, text));
        }
        self.given.push((word, value.to_owned()));
        Ok(())
    }

    /// Takes from `base` what is not given here and may be taken over.
    pub fn inherit(&mut self, base: &Fields, may: impl Fn(&Word) -> bool) {
        for (word, value) in &base.given {
            if may(word) && !self.has(word) {
                self.given.push((word, value.clone()));
            }
        }
    }

    /// Checks that what the form needs is there.
    pub fn check_needs(&self) -> Result<(), FieldError> {
        if let Some(word) = self.missing(Need::Required) {
            return Err(missing(word));
        }
        let by_id = self.form.needing(Need::ById).any(|word| self.has(word));
        let by_name = self.form.needing(Need::ByName).find(|word| self.has(word));
        match (by_name, self.missing(Need::ById)) {
            (Some(name), _) if by_id => {
                let text = "given beside ids; select by name or by ids";
                Err(FieldError::new(name.name, text))
            }
            (Some(_), _) | (None, None) => Ok(()),
            (None, Some(id)) => Err(missing(id)),
        }
    }

    /// The value of `keyword`, if it was given.
    pub fn get<T>(&self, keyword: &Keyword<T>) -> Result<Option<T>, FieldError> {
        let parse =
            |text| (keyword.parse)(text).map_err(|text| FieldError::new(keyword.word.name, text));
        self.text(&keyword.word).map(parse).transpose()
    }

    /// The value of `keyword`, which must be there.
    pub fn demand<T>(&self, keyword: &Keyword<T>) -> Result<T, FieldError> {
        self.get(keyword)?.ok_or_else(|| missing(&keyword.word))
    }

    /// Whether `word` was given.
    pub fn has(&self, word: &Word) -> bool {
        self.text(word).is_some()
    }

    fn text(&self, word: &Word) -> Option<&str> {
        let found = self.given.iter().find(|(have, _)| have.name == word.name);
        found.map(|(_, value)| value.as_str())
    }

    fn missing(&self, need: Need) -> Option<&'static Word> {
        self.form.needing(need).find(|word| !self.has(word))
    }

    fn known(&self, name: &str) -> Result<&'static Word, FieldError> {
        self.form.find(name).ok_or_else(|| self.form.unknown(name))
    }
}

fn missing(word: &Word) -> FieldError {
    let text = format!("required and missing; add {} {}", word.name, word.metavar);
    FieldError::new(word.name, text)
}
