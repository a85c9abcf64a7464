//! How the final training went, epoch by epoch.

use nas_report::page::Html;
use nas_report::plot::{self, Curve, CurveChart, Dimension, Point, Scale};

use crate::session::LearnedEpoch;

/// The learning curves of a training; nothing for fewer than two epochs.
pub(super) fn curves(epochs: &[LearnedEpoch]) -> Html {
    let mut html = Html::new();
    if epochs.len() < 2 {
        return html;
    }
    let loss = Dimension {
        falls: true,
        ..Dimension::new("training loss, nats", Scale::Linear)
    };
    let accuracy = Dimension::percent("training accuracy", Scale::Linear);
    let of = |epoch: &LearnedEpoch| 100.0 * epoch.train_accuracy;
    html.heading("The final training").figure(
        &chart("Training accuracy of the final training", "training accuracy", accuracy, epochs, of),
        "The share of training images that are classified correctly while they are trained on: augmented, and by the \
         weights of that moment. No validation images are held out in the final training.",
    );
    html.figure(
        &chart(
            "Training loss of the final training",
            "training loss",
            loss,
            epochs,
            |epoch| epoch.train_loss,
        ),
        "",
    );
    html
}

fn chart(
    title: &str,
    name: &str,
    figure: Dimension,
    epochs: &[LearnedEpoch],
    of: impl Fn(&LearnedEpoch) -> f64,
) -> String {
    let points = (1..)
        .zip(epochs)
        .map(|(epoch, figures)| Point::new(f64::from(epoch), of(figures)));
    plot::learning(&CurveChart {
        title: title.to_owned(),
        subtitle: String::new(),
        x: Dimension::count("epochs", Scale::Linear),
        y: figure,
        curves: vec![Curve {
            name: name.to_owned(),
            points: points.collect(),
        }],
        dots: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_a_value_and_a_single_one_is_no_curve() {
        let epochs: Vec<LearnedEpoch> = [(2.3, 0.1), (1.5, 0.5), (0.9, 0.75)]
            .map(|(train_loss, train_accuracy)| LearnedEpoch {
                train_loss,
                train_accuracy,
            })
            .to_vec();
        let html = curves(&epochs);
        for value in [
            "<title>2 epochs\ntraining accuracy: 50.00 %</title>",
            "<title>3 epochs\ntraining loss: 0.9000</title>",
        ] {
            assert!(html.as_str().contains(value), "{}", html.as_str());
        }
        assert!(curves(&epochs[..1]).is_empty());
    }
}
