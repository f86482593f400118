// FITS in, FITS out, with CFITSIO.
// usage: example_fits DIFFERENCE KERNEL SCIENCE_VARIANCE TEMPLATE_VARIANCE OUTPUT
//        example_fits --simulate DIFFERENCE KERNEL

#include <fitsio.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "simulate.hpp"

namespace {

void check(int status) {
  if (status == 0) return;
  char message[FLEN_STATUS];
  fits_get_errstatus(status, message);
  throw std::runtime_error(message);
}

struct Close {
  void operator()(fitsfile* file) const {
    int status = 0;
    fits_close_file(file, &status);
  }
};

template <class T>
constexpr int data_type = sizeof(T) == 4 ? TFLOAT : TDOUBLE;
template <class T>
constexpr int image_type = sizeof(T) == 4 ? FLOAT_IMG : DOUBLE_IMG;

template <class T>
whitediff::Image<T> read(const std::string& path) {
  int status = 0;
  fitsfile* opened = nullptr;
  fits_open_image(&opened, path.c_str(), READONLY, &status);
  check(status);
  const std::unique_ptr<fitsfile, Close> file(opened);
  int axes = 0;
  long sizes[2] = {0, 0};
  fits_get_img_dim(opened, &axes, &status);
  fits_get_img_size(opened, 2, sizes, &status);
  check(status);
  if (axes != 2)
    throw std::runtime_error(path + ": expected two axes, got " + std::to_string(axes));
  whitediff::Image<T> image({static_cast<int>(sizes[1]), static_cast<int>(sizes[0])});
  long first[2] = {1, 1};
  fits_read_pix(opened, data_type<T>, first, static_cast<LONGLONG>(image.shape().size()), nullptr,
                image.data(), nullptr, &status);
  check(status);
  return image;
}

/// Writes images as the extensions of one file; an existing one is kept.
template <class T>
void write(const std::string& path,
           const std::vector<std::pair<std::string, whitediff::Image<T>*>>& images) {
  int status = 0;
  fitsfile* created = nullptr;
  fits_create_file(&created, path.c_str(), &status);
  check(status);
  const std::unique_ptr<fitsfile, Close> file(created);
  for (const auto& [name, image] : images) {
    long sizes[2] = {image->shape().width, image->shape().height};
    long first[2] = {1, 1};
    fits_create_img(created, image_type<T>, 2, sizes, &status);
    fits_write_key(created, TSTRING, "EXTNAME", const_cast<char*>(name.c_str()), nullptr, &status);
    fits_write_pix(created, data_type<T>, first, static_cast<LONGLONG>(image->shape().size()),
                   image->data(), &status);
    check(status);
  }
}

void simulate(const std::string& difference_path, const std::string& kernel_path) {
  const whitediff::Shape frame{300, 400};
  auto kernel = example::gaussian(1.5);
  auto difference = example::noise(frame, 2.0, 1);
  example::add_convolved(difference, -1.0, kernel, example::noise(frame, 1.0, 2));
  write<float>(difference_path, {{"IMAGE", &difference}});
  write<double>(kernel_path, {{"KERNEL", &kernel}});
}

bool decorrelate(char** arguments) {
  const auto difference = read<float>(arguments[0]);
  const auto kernel = read<double>(arguments[1]);
  const double science_variance = std::stod(arguments[2]);
  const double template_variance = std::stod(arguments[3]);
  auto white = whitediff::decorrelate<float>(difference.view(), {science_variance, {}, 1.0, {}},
                                             {template_variance, {}, 1.0, {}},
                                             whitediff::fixed_kernel(kernel.view()));
  write<float>(arguments[4], {{"IMAGE", &white.image}, {"VARIANCE", &white.variance}});
  const auto written = read<float>(std::string(arguments[4]) + "[IMAGE]");
  return example::report(difference, written, science_variance + template_variance);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count == 4 && std::string(arguments[1]) == "--simulate") {
      simulate(arguments[2], arguments[3]);
      return 0;
    }
    if (count == 6) return decorrelate(arguments + 1) ? 0 : 1;
    std::fprintf(stderr,
                 "usage: %s DIFFERENCE KERNEL SCIENCE_VARIANCE TEMPLATE_VARIANCE OUTPUT\n"
                 "       %s --simulate DIFFERENCE KERNEL\n",
                 arguments[0], arguments[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 2;
}
