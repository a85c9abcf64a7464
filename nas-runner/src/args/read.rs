//! Options of how images of one's own are read.

use clap::Args;
use nas_data::{ImageSize, Layout, ReadOptions, Resize};

/// How images of one's own are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Your own images (--data PATH)")]
pub struct ReadArgs {
    /// Side of the square that every image becomes, in pixels, or auto: the median of the shorter sides, at most 64 [default: auto]
    #[arg(long, value_name = "PIXELS|auto")]
    pub image_size: Option<ImageSize>,
    /// What becomes of images that are not square: pad keeps all of them, stretch their sides, crop their middle [default: pad]
    #[arg(long, value_name = "pad|stretch|crop", value_parser = resize)]
    pub resize: Option<Resize>,
    /// Only files of the folder whose path matches, such as '**/*.jpg'; with ! in front, only those that do not
    #[arg(long, value_name = "PATTERN")]
    pub glob: Option<String>,
    /// What the columns of a list are, from the left: path, label, split, group, or _ for one that does not count [default: as its
    /// header says]
    #[arg(long, value_name = "NAME,NAME,…", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Where the channels of arrays are, if their shape does not say
    #[arg(long, value_name = "nhw|nhwc|nchw", value_parser = layout)]
    pub layout: Option<Layout>,
    /// Share of the images that may be unreadable; they are named and left out [default: 0.01]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_bad: Option<f64>,
}

impl ReadArgs {
    /// The first option typed, by its name.
    pub fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.image_size.is_some(), "--image-size"),
            (self.resize.is_some(), "--resize"),
            (self.glob.is_some(), "--glob"),
            (self.columns.is_some(), "--columns"),
            (self.layout.is_some(), "--layout"),
            (self.max_bad.is_some(), "--max-bad"),
        ];
        typed.into_iter().find(|(typed, _)| *typed).map(|(_, name)| name)
    }

    /// The options as they are typed.
    pub fn words(&self) -> Vec<String> {
        let resize = self.resize.map(|resize| match resize {
            Resize::Pad => "pad",
            Resize::Stretch => "stretch",
            Resize::Crop => "crop",
        });
        let typed = [
            ("--image-size", self.image_size.map(|size| size.to_string())),
            ("--resize", resize.map(str::to_owned)),
            ("--glob", self.glob.clone()),
            (
                "--columns",
                self.columns.as_ref().map(|columns| columns.join(",")),
            ),
            ("--layout", self.layout.map(|layout| layout.name().to_owned())),
            ("--max-bad", self.max_bad.map(|share| share.to_string())),
        ];
        let typed = typed
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value?]));
        typed.flatten().collect()
    }

    /// Puts what was typed over the options.
    pub fn overlay(&self, read: &mut ReadOptions) {
        read.image_size = self.image_size.unwrap_or(read.image_size);
        read.resize = self.resize.unwrap_or(read.resize);
        read.glob = self.glob.clone().or(read.glob.take());
        read.columns = self.columns.clone().or(read.columns.take());
        read.layout = self.layout.or(read.layout);
        read.max_bad = self.max_bad.unwrap_or(read.max_bad);
    }
}

fn resize(text: &str) -> Result<Resize, String> {
    match text {
        "pad" => Ok(Resize::Pad),
        "stretch" => Ok(Resize::Stretch),
        "crop" => Ok(Resize::Crop),
        _ => Err("expected pad, stretch or crop".to_owned()),
    }
}

fn layout(text: &str) -> Result<Layout, String> {
    match text {
        "nhw" => Ok(Layout::Nhw),
        "nhwc" => Ok(Layout::Nhwc),
        "nchw" => Ok(Layout::Nchw),
        _ => Err("expected nhw, nhwc or nchw".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
