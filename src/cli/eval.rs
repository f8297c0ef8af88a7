use super::{Context, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args, _context: &Context) -> Result<(), Failure> {
    unimplemented!()
}
