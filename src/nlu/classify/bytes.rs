//! Weights as bytes: a scale for every row or column.

/// Rows of floats as bytes and a scale each.
pub fn byte_rows(weights: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let (mut bytes, mut scales) = (Vec::with_capacity(weights.len()), Vec::new());
    for row in weights.chunks_exact(columns) {
        let scale = scale_of(row.iter());
        bytes.extend(row.iter().map(|x| ((x / scale).round() as i8).cast_unsigned()));
        scales.push(scale);
    }
    (bytes, scales)
}

/// Columns of floats as bytes around 128 and a scale each.
pub fn byte_columns(weights: &[f32], classes: usize) -> (Vec<u8>, Vec<f32>) {
    let scales: Vec<f32> =
        (0..classes).map(|class| scale_of(weights[class..].iter().step_by(classes))).collect();
    let rows = weights.chunks_exact(classes);
    let byte = |(x, scale): (&f32, &f32)| ((x / scale).round() + 128.0) as u8;
    (rows.flat_map(|row| row.iter().zip(&scales).map(byte)).collect(), scales)
}

fn scale_of<'a>(weights: impl Iterator<Item = &'a f32>) -> f32 {
    let largest = weights.fold(0.0_f32, |largest, x| largest.max(x.abs()));
    // Of nothing but zeros any scale is right.
    if largest > 0.0 { largest / 127.0 } else { 1.0 }
}
