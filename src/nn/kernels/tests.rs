use proptest::prelude::*;

use super::*;

/// Sums the slow and obvious way, from unpacked weights [inputs, columns].
fn plain_sums(weight: &[u8], codes: &[i8], inputs: usize, columns: usize) -> Vec<i32> {
    codes
        .chunks(inputs)
        .flat_map(|row| {
            (0..columns).map(move |column| {
                let products = row.iter().enumerate().map(|(input, code)| {
                    i32::from(weight[input * columns + column]) * i32::from(*code)
                });
                products.sum()
            })
        })
        .collect()
}

fn tile(kernel: Kernel, weight: &[u8], codes: &[i8], inputs: usize, rows: usize) -> Vec<i32> {
    let (columns, group) = (kernel.columns(), kernel.group());
    let words = inputs.div_ceil(group);
    let mut panel = vec![0; words * columns * group];
    for input in 0..inputs {
        for column in 0..columns {
            panel[kernel.place(input, column)] =
                weight[input * columns + column].wrapping_sub(kernel.weight_offset());
        }
    }
    let mut packed = Vec::new();
    for row in codes.chunks(inputs) {
        kernel.pack_codes(row, &mut packed);
    }
    let mut sums = vec![0; rows * columns];
    kernel.byte_tile(&panel, &packed, words, rows, &mut sums);
    for (sums, codes) in sums.chunks_mut(columns).zip(codes.chunks(inputs)) {
        let code_sum: i32 = codes.iter().map(|code| i32::from(*code)).sum();
        sums.iter_mut().for_each(|sum| *sum += i32::from(kernel.weight_offset()) * code_sum);
    }
    sums
}

proptest! {
    #[test]
    fn byte_tiles_are_exact_on_every_kernel(
        inputs in 1usize..70,
        rows in 1usize..=TILE_ROWS,
        extremes in any::<bool>(),
        seed in any::<u64>(),
    ) {
        for kernel in Kernel::available() {
            let columns = kernel.columns();
            let mut noise = noise(seed);
            // Either any byte, or only the ends of the range.
            let mut byte = || match (noise() as u8, extremes) {
                (byte, false) => byte,
                (byte, true) => if byte < 128 { 0 } else { 255 },
            };
            let weight: Vec<u8> = (0..inputs * columns).map(|_| byte()).collect();
            let codes: Vec<i8> =
                (0..inputs * rows).map(|_| byte().wrapping_sub(128) as i8).collect();
            prop_assert_eq!(
                tile(kernel, &weight, &codes, inputs, rows),
                plain_sums(&weight, &codes, inputs, columns),
                "{}", kernel.name()
            );
        }
    }

    #[test]
    fn element_wise_work_is_the_same_bits_on_every_kernel(
        x in prop::collection::vec(-30.0f32..30.0, 1..200),
    ) {
        let width = x.len();
        let gain: Vec<f32> = x.iter().map(|x| x * 0.1 + 1.0).collect();
        let reference = element_wise(Kernel::SCALAR, &x, &gain, width);
        for kernel in Kernel::available() {
            prop_assert_eq!(&element_wise(kernel, &x, &gain, width), &reference, "{}", kernel.name());
        }
    }

    #[test]
    fn float_tiles_follow_double_precision(
        inputs in 1usize..70,
        rows in 1usize..=TILE_ROWS,
        stride in 1usize..90,
        gap in 0usize..5,
        seed in any::<u64>(),
    ) {
        for kernel in Kernel::available() {
            let columns = kernel.columns();
            let mut noise = noise(seed);
            let mut float = || noise() as i8 as f32 / 128.0;
            let panel: Vec<f32> = (0..inputs * columns).map(|_| float()).collect();
            let x: Vec<f32> = (0..(rows - 1) * stride + inputs).map(|_| float()).collect();
            let sums_stride = columns + gap;
            let mut sums = vec![0.0; rows * sums_stride];
            kernel.float_tile(&panel, &x, stride, rows, &mut sums, sums_stride);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                let sum = sums[row * sums_stride + column];
                let want: f64 = (0..inputs)
                    .map(|i| f64::from(panel[i * columns + column]) * f64::from(x[row * stride + i]))
                    .sum();
                prop_assert!((f64::from(sum) - want).abs() < 1e-4, "{}", kernel.name());
            }
        }
    }
}

/// All element-wise results of one input, as bits.
fn element_wise(kernel: Kernel, x: &[f32], gain: &[f32], width: usize) -> Vec<u32> {
    let mut bits = Vec::new();
    let mut keep = |y: &[f32]| bits.extend(y.iter().map(|y| y.to_bits()));
    let mut codes = vec![0i8; width];
    let row = kernel.quantise_row(x, &mut codes);
    keep(&[row.scale, row.zero as f32, row.sum as f32]);
    keep(&codes.iter().map(|code| f32::from(*code)).collect::<Vec<_>>());
    let (mut high, mut low) = (codes.clone(), codes.clone());
    let fine = kernel.quantise_row_fine(x, &mut high, &mut low);
    keep(&fine.map(|digit| digit.scale));
    keep(&fine.map(|digit| digit.sum as f32));
    keep(
        &high
            .iter()
            .zip(&low)
            .map(|(h, l)| f32::from(*h) * 256.0 + f32::from(*l))
            .collect::<Vec<_>>(),
    );
    let mut y = vec![0.0; width];
    for activation in Activation::ALL {
        kernel.finish_floats(x, gain, activation, &mut y);
        keep(&y);
        let sums: Vec<i32> = x.iter().map(|x| (x * 1000.0) as i32).collect();
        let finish = Finish {
            weight_scales: gain,
            weight_zero: 121,
            column_sums: &sums,
            inputs: 37,
            bias: gain,
            activation,
            residual: x,
        };
        kernel.finish_fine(&[&sums[..], &sums].concat(), width, &fine, &finish, &mut y, width);
        keep(&y);
        kernel.finish_bytes(&sums, width, &[row], &finish, &mut y, width);
        keep(&y);
    }
    kernel.layer_norm(x, gain, 1e-5, &mut y);
    keep(&y);
    kernel.clip_norm(x, gain, x, 1e-5, &mut y);
    keep(&y);
    let mut probabilities = x.to_vec();
    kernel.softmax(&mut probabilities, 0.3);
    keep(&probabilities);
    keep(&[kernel.log_sum_exp(x)]);
    let mut gated = vec![0.0; width / 2];
    kernel.swiglu(&x[..width / 2 * 2], &mut gated, (width / 2).max(1));
    keep(&gated);
    let mut score = [0.0; 1];
    kernel.path_scores(x, gain, &[0], 1, &mut score);
    keep(&score);
    kernel.path_mix(&score, x, &[0], 1, &mut y);
    keep(&y);
    kernel.depthwise(&[x, gain, x].concat(), &[gain, x].concat(), gain, 2, &mut y);
    keep(&y);
    if width > 1 {
        let angles = width / 2;
        kernel.rope(x, &gain[..angles], &x[..angles], 1, 1, &mut y);
        keep(&y);
    }
    let mut sizes = vec![0.0; width / 2];
    kernel.magnitude(&x[..width / 2 * 2], &mut sizes, (width / 2).max(1));
    keep(&sizes);
    let gates: Vec<f32> = x.iter().chain(gain).chain(x).chain(gain).copied().collect();
    let mut next = vec![0.0; 2 * width];
    kernel.lstm_cell(&gates, x, &mut next);
    keep(&next);
    bits
}

/// Bytes from a linear congruential generator (Knuth's MMIX constants).
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn extreme_bytes_neither_saturate_nor_wrap() {
    // Two products of 255 * -128 lie far outside 16 bits, where `vpmaddubsw` would clip; less the
    // offset of the Arm kernels, two of -128 * -128 miss them by one.
    for kernel in Kernel::available() {
        for (weight, code) in [(255, -128), (255, 127), (0, -128), (0, 127), (1, -127)] {
            let (inputs, columns) = (67, kernel.columns());
            let (weights, codes) = (vec![weight; inputs * columns], vec![code; inputs * TILE_ROWS]);
            let sums = tile(kernel, &weights, &codes, inputs, TILE_ROWS);
            let want = i32::from(weight) * i32::from(code) * inputs as i32;
            assert_eq!(sums, vec![want; columns * TILE_ROWS], "{}", kernel.name());
        }
    }
}

#[test]
fn a_row_keeps_its_range_within_half_a_step() {
    for (x, zero) in [
        (vec![0.0, 0.0, 0.0], -128),
        (vec![0.0, 1.0, 0.5], -128),
        (vec![-1.0, 0.0, -0.25], 127),
        (vec![-1.0, 1.55, 0.1], -28),
        (vec![1e-44, -1e-44, 0.0], -128),
        (vec![3.0, 4.0, 5.0], -128),
    ] {
        let mut codes = vec![0; x.len()];
        let row = Kernel::SCALAR.quantise_row(&x, &mut codes);
        assert_eq!(row.zero, zero, "{x:?}");
        for (code, x) in codes.iter().zip(&x) {
            let back = (i32::from(*code) - row.zero) as f32 * row.scale;
            assert!((back - x).abs() <= 0.501 * row.scale, "{x}: {back}");
        }
    }
}

#[test]
fn rope_turns_pairs_half_a_rotation_apart_and_leaves_the_rest() {
    // One row, two heads of five channels, two of which pairs turn by a quarter.
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
    let mut y = [0.0; 10];
    Kernel::SCALAR.rope(&x, &[0.0, 0.0], &[1.0, 1.0], 1, 2, &mut y);
    assert_eq!(y, [-3.0, -4.0, 1.0, 2.0, 5.0, -8.0, -9.0, 6.0, 7.0, 10.0]);
}

#[test]
fn a_kernel_is_asked_for_by_name() {
    assert_eq!(Kernel::by_name("scalar"), Ok(Kernel::SCALAR));
    let error = Kernel::by_name("fast").unwrap_err().to_string();
    assert!(error.contains("`fast`") && error.contains("scalar, avx2, avxvnni"), "{error}");
    for name in ["avx2", "avxvnni", "avx512vnni", "neon", "neon-dotprod"] {
        match Kernel::by_name(name) {
            Ok(kernel) => assert_eq!(kernel.name(), name),
            Err(error) => assert!(error.to_string().contains("cannot run"), "{error}"),
        }
    }
}

#[test]
fn fine_codes_follow_the_values_in_sixteen_bits() {
    for x in [vec![0.0; 3], vec![-1.0, 0.3, 1.0, 1e-5], vec![7.0, -0.001], vec![f32::MIN, f32::MAX]]
    {
        let (mut high, mut low) = (vec![0; x.len()], vec![0; x.len()]);
        let [high_row, low_row] = Kernel::SCALAR.quantise_row_fine(&x, &mut high, &mut low);
        assert_eq!(high_row.sum, high.iter().map(|code| i32::from(*code)).sum::<i32>());
        assert_eq!(low_row.sum, low.iter().map(|code| i32::from(*code)).sum::<i32>());
        for ((high, low), x) in high.iter().zip(&low).zip(&x) {
            let back = f32::from(*high) * high_row.scale + f32::from(*low) * low_row.scale;
            assert!((back - x).abs() <= 0.51 * low_row.scale, "{x}: {back}");
        }
    }
}

#[test]
fn a_depthwise_convolution_keeps_its_channels_apart() {
    // Two channels, taps two steps apart: the first adds them, the second subtracts.
    let x = [1.0, 10.0, 2.0, 20.0, 3.0, 40.0, 5.0, 80.0];
    let mut y = [0.0; 4];
    Kernel::SCALAR.depthwise(&x, &[1.0, -1.0, 1.0, 1.0], &[0.0, 0.5], 2, &mut y);
    assert_eq!(y, [4.0, 30.5, 7.0, 60.5]);
}
