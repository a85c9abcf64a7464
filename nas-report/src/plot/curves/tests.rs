use super::super::checks::{check_well_formed, check_within};
use super::*;

fn chart(count: usize, x: Scale, y: Scale) -> CurveChart {
    let curve = |number: usize| Curve {
        name: format!("method-{number} with a name of some length"),
        points: (1..=100)
            .map(|i| {
                let mean = (9.0 - 0.1 * f64::from(i) - 0.3 * number as f64).max(0.0);
                Point {
                    x: f64::from(i),
                    mean,
                    low: (mean - 1.0).max(0.0),
                    high: mean + 1.0,
                }
            })
            .collect(),
    };
    CurveChart {
        title: "Regret <after> each trial".to_owned(),
        subtitle: "Mean of 20 runs, with a band of 95 % by the bootstrap".to_owned(),
        x: Dimension::count("trials", x),
        y: Dimension::percent("regret of the test accuracy", y),
        curves: (0..count).map(curve).collect(),
        dots: Vec::new(),
    }
}

#[test]
fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
    for count in [0, 1, 2, 12] {
        for x in [Scale::Linear, Scale::Logarithmic] {
            for y in [Scale::Linear, Scale::Logarithmic] {
                let chart = chart(count, x, y);
                let svg = curves(&chart);
                check_well_formed(&svg);
                check_within(&svg);
                assert_eq!(svg, curves(&chart));
                assert!(svg.contains("Regret &lt;after&gt;"), "{svg}");
            }
        }
    }
}

#[test]
fn a_value_holds_until_the_next_one() {
    let mut chart = chart(0, Scale::Linear, Scale::Linear);
    chart.curves.push(Curve {
        name: "one".to_owned(),
        points: vec![Point::new(0.0, 1.0), Point::new(10.0, 3.0)],
    });
    let svg = curves(&chart);
    let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
    let corners: Vec<(f64, f64)> = path[1..]
        .split('L')
        .map(|corner| corner.split_once(' ').unwrap())
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    assert_eq!(corners.len(), 3);
    assert_eq!(corners[0].1, corners[1].1, "level, then up");
    assert_eq!(corners[1].0, corners[2].0);
    assert!(corners[2].1 < corners[1].1);
    assert!(
        !svg.contains("fill-opacity=\"0.15\""),
        "no band where there is none"
    );
}

/// The titles of the strips, in their order.
fn readings(svg: &str) -> Vec<String> {
    let (_, strips) = svg.split_once("<g class=\"readout\"").unwrap();
    let titles = strips.split("<title>").skip(1);
    titles
        .map(|rest| rest.split_once("</title>").unwrap().0.to_owned())
        .collect()
}

#[test]
fn strips_say_the_value_that_holds_there() {
    let mut chart = chart(0, Scale::Linear, Scale::Linear);
    chart.curves.push(Curve {
        name: "a<b".to_owned(),
        points: vec![
            Point::new(1.0, 1.25),
            Point::new(10.0, 3.0),
            Point::new(20.0, 3.0),
        ],
    });
    chart.curves.push(Curve {
        name: "late".to_owned(),
        points: vec![Point {
            x: 10.0,
            mean: 2.0,
            low: 1.5,
            high: 2.5,
        }],
    });
    assert_eq!(
        readings(&curves(&chart)),
        [
            "1 to 9 trials\na&lt;b: 1.25 %",
            "10 to 19 trials\na&lt;b: 3.00 %\nlate: 2.00 % (1.50 % to 2.50 %)",
            "20 trials\na&lt;b: 3.00 %\nlate: 2.00 % (1.50 % to 2.50 %)",
        ]
    );
    chart.curves.truncate(1);
    chart.dots = vec![(1.0, 1.25), (5.0, 0.5), (10.0, 3.0)];
    let svg = curves(&chart);
    check_well_formed(&svg);
    check_within(&svg);
    assert_eq!(
        readings(&svg)[..2],
        [
            "1 trial\na&lt;b: 1.25 %\ndot: 1.25 %",
            "5 trials\na&lt;b: 1.25 %\ndot: 0.50 %"
        ]
    );
    chart.dots = (0..100_000).map(|i| (f64::from(i), f64::from(i % 90))).collect();
    let many = readings(&curves(&chart));
    assert!(many.len() <= 152, "{}", many.len());
    assert!(many[60].contains(" dots: 0 % to 89.00 %"), "{}", many[60]);
}

#[test]
fn the_lines_of_trainings_are_straight_and_each_epoch_has_a_strip() {
    let mut chart = chart(0, Scale::Linear, Scale::Linear);
    chart.x.name = "epochs".to_owned();
    chart.curves.push(Curve {
        name: "training".to_owned(),
        points: [(1.0, 10.0), (2.0, 50.0), (3.0, 60.0)]
            .map(|(x, y)| Point::new(x, y))
            .to_vec(),
    });
    let svg = learning(&chart);
    check_within(&svg);
    let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(path.matches('L').count(), 2, "{path}");
    assert_eq!(
        readings(&svg),
        [
            "1 epoch\ntraining: 10.00 %",
            "2 epochs\ntraining: 50.00 %",
            "3 epochs\ntraining: 60.00 %"
        ]
    );
}

#[test]
fn no_regret_is_in_a_strip_of_its_own_below_a_logarithmic_axis() {
    let mut chart = chart(0, Scale::Logarithmic, Scale::Logarithmic);
    let points = [(0.0, 5.0), (1.0, 0.5), (10.0, 1e-12), (20.0, 0.0)];
    chart.curves.push(Curve {
        name: "one".to_owned(),
        points: points.map(|(x, y)| Point::new(x, y)).to_vec(),
    });
    let svg = curves(&chart);
    check_within(&svg);
    assert!(
        svg.contains(">0 %</text>") && svg.contains(">0.1 %</text>"),
        "{svg}"
    );
    assert!(!svg.contains("1e-"), "rounding does not stretch the axis: {svg}");
    chart.curves[0].points.truncate(2);
    assert!(!curves(&chart).contains(">0 %</text>"));
}

#[test]
fn a_dot_far_below_is_at_the_lower_edge() {
    let mut chart = chart(0, Scale::Linear, Scale::Linear);
    chart.dots = (0..20)
        .map(|i| (f64::from(i), 90.0 + 0.1 * f64::from(i)))
        .collect();
    chart.dots.push((20.0, 10.0));
    let svg = curves(&chart);
    check_within(&svg);
    assert_eq!(svg.matches("<circle").count(), 20);
    assert_eq!(svg.matches("l-3.5 5z").count(), 1);
    assert!(
        svg.contains(">90.0 %</text>") || svg.contains(">90 %</text>"),
        "{svg}"
    );
}

#[test]
fn what_is_no_number_is_left_out() {
    let mut chart = chart(1, Scale::Linear, Scale::Linear);
    chart.curves[0].points[3].high = f64::NAN;
    chart.curves[0].points[4].x = f64::INFINITY;
    let svg = curves(&chart);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}
