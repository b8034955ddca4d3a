# SPDX-License-Identifier: BSD-3-Clause
"""Builds mpipe by Spack, from a source tree that is there: spack repo add cmake/packaging/spack; spack dev-build mpipe@0.1.0"""
from spack.package import *


class Mpipe(CMakePackage):
    """Pipelines of functions over N-dimensional parameter sweeps, on MPI, into one HDF5 file."""

    license("BSD-3-Clause")

    version("0.1.0")  # no address: `spack dev-build` and `spack develop` take the source tree

    variant("app", default=True, description="Build the program pipeline_app")
    variant("python", default=True, when="+app", description="Build the plugin for functions in Python")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("random123", type="build")
    depends_on("nlohmann-json", type="build")
    depends_on("cli11", when="+app", type="build")

    depends_on("mpi@3.1:")
    depends_on("hdf5+mpi+shared")
    depends_on("boost@1.74:+mpi+serialization")
    depends_on("fmt@9:")
    depends_on("spdlog@1.10:+fmt_external")
    depends_on("yaml-cpp")
    depends_on("xxhash@0.8:")
    depends_on("zlib-api")
    depends_on("libpng@1.6:", when="+app")

    depends_on("python@3.9:", when="+python")
    depends_on("py-numpy", when="+python", type=("build", "run"))
    depends_on("py-pybind11@2.10:", when="+python", type="build")

    conflicts("%gcc@:11", msg="mpipe needs the C++20 of GCC 12")

    def cmake_args(self):
        arguments = [
            self.define("MPIPE_BUILD_TESTS", False),
            self.define("MPIPE_BUILD_EXAMPLES", False),
            self.define("MPIPE_WARNINGS_AS_ERRORS", False),
            self.define("MPIPE_USE_CCACHE", False),
            self.define_from_variant("MPIPE_BUILD_APP", "app"),
            self.define_from_variant("MPIPE_BUILD_PYTHON", "python"),
        ]
        if self.spec.satisfies("+python"):
            arguments.append(self.define("Python_EXECUTABLE", self.spec["python"].command.path))
        return arguments
