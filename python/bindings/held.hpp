#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <utility>

/// A Python object that the core may keep, copy and let go of in any thread: whoever lets go of it
/// last takes the interpreter's lock for that. (Functions need no such holder: pybind11 makes
/// std::functions of them that take the lock themselves.)
template <class Object>
std::shared_ptr<Object> held(Object object) {
  return {new Object(std::move(object)), [](const Object* last) {
            const pybind11::gil_scoped_acquire gil;
            delete last;
          }};
}
