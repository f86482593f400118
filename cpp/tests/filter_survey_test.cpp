#include "filter_survey.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

/// A science image, and a template that went through a kernel, at some places.
NoiseModel noise_of(const KernelPtr& kernel, const std::vector<double>& template_variances) {
  std::vector<Point> positions;
  std::vector<double> variances;
  for (const double variance : template_variances) {
    positions.push_back({static_cast<double>(positions.size()), 0.0});
    variances.insert(variances.end(), {1.0, variance});
  }
  return NoiseModel({{1.0, {}}, {1.0, {kernel}}}, {}, std::move(positions), std::move(variances));
}

FilterSurvey survey_of(const NoiseModel& noise,
                       VariancePropagation variance = VariancePropagation::estimate) {
  const auto batch = noise.batch();
  return survey_filters(batch.pointers(), {}, variance, 2);
}

FilterSupport support_of(const NoiseModel& noise) {
  const auto batch = noise.batch();
  return filter_support(batch.pointers(), {});
}

}  // namespace

TEST_CASE("a survey finds what the filters of all places need, whatever is remembered") {
  const KernelPtr narrow = test::gaussian_kernel({9, 9}, 1.0);
  const KernelPtr wide = test::gaussian_kernel({11, 11}, 1.8);
  // The same noise comes back, in places of one frame and in frames, with others between.
  for (int round = 0; round < 2; ++round) {
    for (const KernelPtr& kernel : {narrow, wide}) {
      for (const auto& variances : {std::vector{2.0, 2.0, 7.0}, std::vector{2.0, 2.0, 2.0}}) {
        const NoiseModel noise = noise_of(kernel, variances);
        const FilterSurvey survey = survey_of(noise);
        const FilterSupport expected = support_of(noise);
        CHECK(survey.support.radius == expected.radius);
        CHECK(survey.support.error == expected.error);
        CHECK(survey.support.shares == expected.shares);
        CHECK(survey.border == expected.radius);
      }
    }
  }
}

TEST_CASE("a survey tells the change of filters, and not that of another frame") {
  const NoiseModel here = noise_of(test::gaussian_kernel({9, 9}, 1.0), {2.0, 2.0});
  const NoiseModel beside = noise_of(test::gaussian_kernel({9, 9}, 1.05), {2.0, 2.0});
  const NoiseModel farther = noise_of(test::gaussian_kernel({9, 9}, 1.1), {2.0, 2.0});
  for (int round = 0; round < 2; ++round) {
    const auto at = here.batch();
    const FilterChange none = survey_change({at.pointers(), at.pointers(), at.pointers()}, {}, 2);
    CHECK(none.in_x == 0.0);
    CHECK(none.in_y == 0.0);
    for (const NoiseModel* there : {&beside, &farther}) {
      const auto in_x = there->batch();
      const SteppedNoise noise{at.pointers(), in_x.pointers(), at.pointers()};
      const FilterChange expected = largest_change(noise, {}, 1);
      const FilterChange found = survey_change(noise, {}, 2);
      REQUIRE(expected.in_x > 0.0);
      CHECK(found.in_x == expected.in_x);
      CHECK(found.in_y == 0.0);
    }
  }
}

TEST_CASE("variances that are propagated in full may need a wider border") {
  const NoiseModel noise = noise_of(test::gaussian_kernel({13, 13}, 1.5), {3.0});
  const FilterSurvey estimate = survey_of(noise);
  const FilterSurvey full = survey_of(noise, VariancePropagation::full);
  const auto batch = noise.batch();
  int widest = estimate.border;
  for (const auto& response : squared_responses(batch[0], {}, full.support)) {
    widest = std::max(widest, response.shape().width / 2);
  }
  CHECK(full.border == widest);
  CHECK(full.support.radius == estimate.support.radius);
}
