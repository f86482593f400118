#include "whitediff/decorrelate.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "kernel_sums.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

template <class T>
void require_raw(const NoiseSource<T>& source, const std::string& name) {
  require(source.kernels.empty() && source.weight == 1.0, name,
          "have neither kernels nor a weight, which follow from the options", "some");
}

WhitenOptions with_psf(WhitenOptions options, std::vector<KernelPtr> psf) {
  options.psf = std::move(psf);
  return options;
}

}  // namespace

double flux_scale(const Kernel& kernel, Convolved convolved, Shape frame, Point xy0) {
  if (convolved == Convolved::template_image) return 1.0;
  const Point middle = Box{0, 0, frame.width, frame.height}.center();
  const Image<double> image = kernel.at({middle.x + xy0.x, middle.y + xy0.y});
  const auto [sum, absolute] = sums_of(image.view());
  require(std::isfinite(1.0 / sum) && std::abs(sum) > least_sum * absolute, "scale",
          "be a number, since the kernel's sum is zero", "none");
  return 1.0 / sum;
}

template <class T>
Subtraction<T> subtraction_sources(Shape frame, NoiseSource<T> science,
                                   NoiseSource<T> template_image, const KernelPtr& kernel,
                                   const DecorrelateOptions& options) {
  require_raw(science, "science");
  require_raw(template_image, "template");
  require(kernel != nullptr, "kernel", "be a kernel", "none");
  const WhitenOptions& whitening = options.whiten;
  const bool science_convolved = options.convolved == Convolved::science_image;
  const bool score = whitening.filter.mode == Mode::score;
  require(options.preconvolved || !options.pre_kernel, "pre_kernel", "come with preconvolved",
          "a difference that is not");
  require(score || !options.preconvolved, "preconvolved", "come with mode score",
          "mode difference");
  require(!(options.preconvolved && science_convolved), "preconvolved",
          "have the template as the convolved image", "the science image");

  std::vector<KernelPtr> psf = whitening.psf;
  (science_convolved ? science : template_image).kernels = {kernel};
  if (options.preconvolved) {
    require(options.pre_kernel || psf.size() == 1, "preconvolved",
            "have a pre-kernel or the PSF of the science image", "neither");
    const KernelPtr pre_kernel = options.pre_kernel ? options.pre_kernel : psf.front();
    const KernelPtr correlated = flipped(pre_kernel);
    science.kernels = {correlated};
    if (psf.empty()) psf = {pre_kernel};
    psf.push_back(correlated);
  }

  const double scale =
      options.scale ? *options.scale : flux_scale(*kernel, options.convolved, frame, whitening.xy0);
  require(std::isfinite(scale) && scale != 0.0, "scale", "be finite and not zero", scale);
  science.weight = template_image.weight = scale;
  return {{std::move(science), std::move(template_image)}, std::move(psf)};
}

template <class T>
Whitened<T> decorrelate(ImageView<const T> difference, const NoiseSource<T>& science,
                        const NoiseSource<T>& template_image, const KernelPtr& kernel,
                        const DecorrelateOptions& options) {
  auto [sources, psf] =
      subtraction_sources(difference.shape(), science, template_image, kernel, options);
  return whiten(difference, sources, with_psf(options.whiten, std::move(psf)));
}

template <class T>
Whitening decorrelate_bands(const Plane<T>& difference, const NoiseSource<T>& science,
                            const NoiseSource<T>& template_image, const KernelPtr& kernel,
                            const WriteRows<T>& write, const DecorrelateOptions& options) {
  auto [sources, psf] =
      subtraction_sources(difference.shape(), science, template_image, kernel, options);
  return whiten_bands(difference, sources, write, with_psf(options.whiten, std::move(psf)));
}

template Subtraction<float> subtraction_sources(Shape, NoiseSource<float>, NoiseSource<float>,
                                                const KernelPtr&, const DecorrelateOptions&);
template Subtraction<double> subtraction_sources(Shape, NoiseSource<double>, NoiseSource<double>,
                                                 const KernelPtr&, const DecorrelateOptions&);
template Whitened<float> decorrelate(ImageView<const float>, const NoiseSource<float>&,
                                     const NoiseSource<float>&, const KernelPtr&,
                                     const DecorrelateOptions&);
template Whitened<double> decorrelate(ImageView<const double>, const NoiseSource<double>&,
                                      const NoiseSource<double>&, const KernelPtr&,
                                      const DecorrelateOptions&);
template Whitening decorrelate_bands(const Plane<float>&, const NoiseSource<float>&,
                                     const NoiseSource<float>&, const KernelPtr&,
                                     const WriteRows<float>&, const DecorrelateOptions&);
template Whitening decorrelate_bands(const Plane<double>&, const NoiseSource<double>&,
                                     const NoiseSource<double>&, const KernelPtr&,
                                     const WriteRows<double>&, const DecorrelateOptions&);

}  // namespace whitediff
