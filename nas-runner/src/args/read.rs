//! Options that say how the user's images are read.

use clap::Args;
use nas_data::{ImageSize, Layout, ReadOptions, Resize};

/// How the user's images are read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Your own images (--data PATH)")]
pub struct ReadArgs {
    /// Side of the square that every image is scaled to [default: auto]
    ///
    /// auto is the median of the images' shorter sides, at most 64 pixels.
    #[arg(long, hide_short_help = true, value_name = "PIXELS|auto")]
    pub image_size: Option<ImageSize>,
    /// How images become square: pad, stretch or crop [default: pad]
    ///
    /// pad adds borders, stretch changes the proportions, crop keeps the middle.
    #[arg(long, hide_short_help = true, value_name = "NAME", value_parser = resize)]
    pub resize: Option<Resize>,
    /// Read only files whose path matches, such as '**/*.jpg'
    ///
    /// With ! in front, only files whose path does not match.
    #[arg(long, hide_short_help = true, value_name = "PATTERN")]
    pub glob: Option<String>,
    /// Columns of a list, from the left [default: from its header]
    ///
    /// Each is path, label, split, group, or _ for a column to ignore.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "NAME,NAME,…",
        value_delimiter = ','
    )]
    pub columns: Option<Vec<String>>,
    /// Axes of arrays: nhw, nhwc or nchw [default: from their shape]
    #[arg(long, hide_short_help = true, value_name = "NAME", value_parser = layout)]
    pub layout: Option<Layout>,
    /// Share of images that may be unreadable [default: 0.01]
    ///
    /// Unreadable images are named and left out. If there are more of them, nothing is trained.
    #[arg(long, hide_short_help = true, value_name = "SHARE", value_parser = share)]
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
