#include "filtering.hpp"

#include "cell_plan.hpp"
#include "support.hpp"

using namespace whitediff;

TEST_CASE("a cell that fails gives up all turns") {
  const Shape shape{20, 60};
  const auto pixels = test::noise<double>(shape, 3);
  Image<double> image(shape), variance(shape);
  const std::vector<Cell> cells = make_cells(shape, 1, 3, 4, 5);
  const Blend blend(cells, Reduction::crossfade);
  REQUIRE(blend.predecessors(1) == std::vector<std::size_t>{0, 2});
  Turns turns(blend, cells.size());
  // The noise of the first cell has no power.
  std::vector<Point> positions;
  for (const Cell& cell : cells) positions.push_back(cell.box.center());
  const NoiseModel noise({{1.0, {}}}, {}, positions, {0.0, 1.0, 1.0});
  const Whitening plan{.cells = cells, .noise = noise, .support = {1, 64, 0.0, {1.0}}};
  Completion<double> completion(plan, shape, blend, VariancePropagation::full, {});
  const Progress progress;
  const CellTask<double> task{.input = {},
                              .output = {},
                              .cells = cells,
                              .blend = blend,
                              .turns = turns,
                              .completion = completion,
                              .ignore_mask = 0,
                              .rule = {},
                              .filter = {},
                              .support = plan.support,
                              .variance = VariancePropagation::full,
                              .border = 5,
                              .transform = transform_shape(cells, 5),
                              .frame_height = shape.height};
  Filtering<double> filtering(task, noise, 1, progress);
  const InputRows<double> input{0, pixels.view(), {}, {{1.0}}};
  const OutputRows<double> output{0, image.view(), variance.view(), {}};
  const std::vector<std::size_t> sound{2}, broken{0};
  CHECK_NOTHROW(filtering.run(sound, input, output));
  CHECK_THROWS_AS(filtering.run(broken, input, output), std::invalid_argument);
  // Whoever comes after it would wait for ever.
  CHECK_FALSE(turns.wait(1, Turns::Part::image));
  CHECK_FALSE(turns.wait(1, Turns::Part::variance));
}
