#include "whitediff/decorrelate.hpp"

#include <string>

#include "require.hpp"

namespace whitediff {
namespace {

template <class T>
void require_raw(const NoiseSource<T>& source, const std::string& name) {
  require(source.kernels.empty() && source.weight == 1.0, name,
          "have neither kernels nor a weight, which follow from the options", "some");
}

/// What `whiten` takes.
template <class T>
struct Combination {
  std::vector<NoiseSource<T>> sources;
  WhitenOptions options;
};

template <class T>
Combination<T> combination(Shape frame, const NoiseSource<T>& science,
                           const NoiseSource<T>& template_image, const KernelPtr& kernel,
                           const DecorrelateOptions& options) {
  require_raw(science, "science");
  require_raw(template_image, "template");
  require(kernel != nullptr, "kernel", "be a kernel", "none");
  const bool science_convolved = options.convolved == Convolved::science_image;
  const bool score = options.whiten.filter.mode == Mode::score;
  require(score || !options.pre_kernel, "pre_kernel", "come with mode score", "mode difference");
  require(!(score && science_convolved), "mode score", "have the template as the convolved image",
          "the science image");

  std::vector<NoiseSource<T>> sources{science, template_image};
  WhitenOptions whitening = options.whiten;
  sources[science_convolved ? 0 : 1].kernels = {kernel};
  if (score) {
    require(options.pre_kernel || whitening.psf.size() == 1, "mode score",
            "have a pre-kernel or the PSF of the science image", "neither");
    const KernelPtr pre_kernel = options.pre_kernel ? options.pre_kernel : whitening.psf.front();
    const KernelPtr correlated = flipped(pre_kernel);
    sources[0].kernels = {correlated};
    if (whitening.psf.empty()) whitening.psf = {pre_kernel};
    whitening.psf.push_back(correlated);
  }

  double scale = options.scale.value_or(1.0);
  if (science_convolved && !options.scale) {
    const Point middle = Box{0, 0, frame.width, frame.height}.center();
    const double sum = kernel->sum({middle.x + whitening.xy0.x, middle.y + whitening.xy0.y});
    require(sum != 0.0, "scale", "be a number, since the kernel's sum is zero", "none");
    scale = 1.0 / sum;
  }
  for (NoiseSource<T>& source : sources) source.weight = scale;
  return {std::move(sources), std::move(whitening)};
}

}  // namespace

template <class T>
Whitened<T> decorrelate(ImageView<const T> difference, const NoiseSource<T>& science,
                        const NoiseSource<T>& template_image, KernelPtr kernel,
                        const DecorrelateOptions& options) {
  const auto [sources, whitening] =
      combination(difference.shape(), science, template_image, kernel, options);
  return whiten(difference, sources, whitening);
}

template <class T>
Whitening decorrelate_bands(const Plane<T>& difference, const NoiseSource<T>& science,
                            const NoiseSource<T>& template_image, KernelPtr kernel,
                            const WriteRows<T>& write, const DecorrelateOptions& options) {
  const auto [sources, whitening] =
      combination(difference.shape(), science, template_image, kernel, options);
  return whiten_bands(difference, sources, write, whitening);
}

template Whitened<float> decorrelate(ImageView<const float>, const NoiseSource<float>&,
                                     const NoiseSource<float>&, KernelPtr,
                                     const DecorrelateOptions&);
template Whitened<double> decorrelate(ImageView<const double>, const NoiseSource<double>&,
                                      const NoiseSource<double>&, KernelPtr,
                                      const DecorrelateOptions&);
template Whitening decorrelate_bands(const Plane<float>&, const NoiseSource<float>&,
                                     const NoiseSource<float>&, KernelPtr, const WriteRows<float>&,
                                     const DecorrelateOptions&);
template Whitening decorrelate_bands(const Plane<double>&, const NoiseSource<double>&,
                                     const NoiseSource<double>&, KernelPtr,
                                     const WriteRows<double>&, const DecorrelateOptions&);

}  // namespace whitediff
