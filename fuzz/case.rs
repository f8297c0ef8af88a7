//! What is tried: the files of one agent.

use std::path::Path;

use super::draw::Draw;
use super::grow;
use super::mutate::mutate;

/// Endings of the files that make an agent.
const ENDINGS: &[&str] = &["yaml", "toml", "sh"];

/// A file of an agent: its path in the folder and its text.
pub type File = (String, String);

/// What a round tries.
#[derive(Clone, Debug)]
pub struct Case {
    pub files: Vec<File>,
}

/// The agents that cases are made from, each once as it is.
pub struct Corpus(Vec<Case>);

impl Corpus {
    /// The agents in the folders below `dirs`, in name order.
    pub fn load(dirs: &[&Path]) -> std::io::Result<Self> {
        let mut cases = Vec::new();
        for dir in dirs {
            for agent in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
                let mut files = Vec::new();
                collect(&agent, &agent, &mut files)?;
                cases.push(Case { files });
            }
        }
        Ok(Self(cases))
    }

    pub fn cases(&self) -> &[Case] {
        &self.0
    }

    /// A round of the templates: files of `intents/` only.
    pub fn templates(&self, draw: &mut Draw) -> Case {
        let grown = draw.below(3) > 0;
        let mut files = if grown {
            vec![("intents/grown.yaml".to_owned(), grow::grammar(draw))]
        } else {
            self.0[draw.below(self.0.len())].files.clone()
        };
        files.retain(|(name, _)| name.starts_with("intents/"));
        if !grown || draw.once_in(3) {
            self.change_one(&mut files, draw);
        }
        Case { files }
    }

    /// A round of the whole folder.
    pub fn agent(&self, draw: &mut Draw) -> Case {
        let mut files = self.0[draw.below(self.0.len())].files.clone();
        for _ in 0..=draw.below(2) {
            self.change_one(&mut files, draw);
        }
        Case { files }
    }

    fn change_one(&self, files: &mut [File], draw: &mut Draw) {
        let others: Vec<&str> =
            self.0.iter().flat_map(|case| &case.files).map(|(_, text)| text.as_str()).collect();
        let at = draw.below(files.len());
        let (name, text) = &mut files[at];
        // Programs are only looked at from outside.
        if !name.ends_with(".sh") {
            mutate(text, &others, draw);
        }
    }
}

fn entries(dir: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let entries: Result<Vec<_>, _> =
        std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = entries?;
    paths.sort();
    Ok(paths)
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<File>) -> std::io::Result<()> {
    for path in entries(dir)? {
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|ext| ENDINGS.iter().any(|known| ext == *known)) {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}
