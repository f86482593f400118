"""Recipe of Conan 2 for the C++ library."""

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, get


class Whitediff(ConanFile):
    """The library, its headers and its CMake package."""

    name = "whitediff"
    version = "0.2.0"
    description = "White noise, right variance and right PSF for astronomical difference images"
    license = "GPL-3.0-or-later"
    url = homepage = "https://github.com/whitediff/whitediff"
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], "fPIC": [True, False]}  # noqa: RUF012
    default_options = {"shared": False, "fPIC": True}  # noqa: RUF012

    def layout(self):  # noqa: D102
        cmake_layout(self, src_folder="source")

    def requirements(self):  # noqa: D102
        self.requires("fftw/3.3.10", options={"precision_single": True, "precision_double": True})

    def validate(self):  # noqa: D102
        check_min_cppstd(self, 20)

    def source(self):  # noqa: D102
        get(self, f"{self.url}/archive/refs/tags/v{self.version}.tar.gz", strip_root=True)

    def generate(self):  # noqa: D102
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["WHITEDIFF_BUILD_TESTS"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):  # noqa: D102
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):  # noqa: D102
        copy(self, "LICENSE", self.source_folder, f"{self.package_folder}/licenses")
        CMake(self).install()

    def package_info(self):  # noqa: D102
        self.cpp_info.libs = ["whitediff"]
        self.cpp_info.set_property("cmake_target_name", "whitediff::whitediff")
        if self.settings.os == "Linux":
            self.cpp_info.system_libs = ["m", "pthread"]
            self.cpp_info.exelinkflags = self.cpp_info.sharedlinkflags = ["-fopenmp"]
