//! Losses of classes: how unlikely the wanted class was.

/// `-x[image, target, pixel]`, weighed by class, for `x[images, classes, pixels]` of logarithms of
/// probabilities.
///
/// `reduction` is 0 for none (`y[images, pixels]`), 1 for the sum, 2 for the weighed mean (`y[1]`).
/// Targets equal to `ignored` do not count if `ignores` is 1. Answers 1, as a run does whose input
/// is not acceptable, for a target that is no class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn class_loss_f32(
    x: *const f32,
    targets: *const i64,
    weights: *const f32,
    y: *mut f32,
    images: usize,
    classes: usize,
    pixels: usize,
    ignores: usize,
    ignored: i32,
    reduction: usize,
) -> i32 {
    let (mut total, mut weight_total) = (0.0_f64, 0.0_f64);
    for image in 0..images {
        for pixel in 0..pixels {
            unsafe {
                let target = targets.add(image * pixels + pixel).read();
                let mut loss = 0.0;
                if ignores != 1 || target != i64::from(ignored) {
                    if target < 0 || target >= classes as i64 {
                        return 1;
                    }
                    let class = target as usize;
                    let weight = if weights.is_null() { 1.0 } else { weights.add(class).read() };
                    loss = -x.add((image * classes + class) * pixels + pixel).read() * weight;
                    weight_total += f64::from(weight);
                }
                if reduction == 0 {
                    y.add(image * pixels + pixel).write(loss);
                }
                total += f64::from(loss);
            }
        }
    }
    match reduction {
        1 => unsafe { y.write(total as f32) },
        2 => unsafe { y.write((total / weight_total) as f32) },
        _ => {}
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_targets_count_neither_as_losses_nor_as_weights() {
        let x = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0];
        let (targets, weights) = ([0, 7], [0.5, 1.0, 2.0]);
        let mut y = [9.0];
        let mut loss = |ignores: usize| unsafe {
            let (targets, weights) = (targets.as_ptr(), weights.as_ptr());
            class_loss_f32(x.as_ptr(), targets, weights, y.as_mut_ptr(), 2, 3, 1, ignores, 7, 2)
        };

        assert_eq!(loss(0), 1);
        assert_eq!(loss(1), 0);
        assert_eq!(y, [1.0]);
    }
}
