# SPDX-License-Identifier: BSD-3-Clause
"""mpipe as others use it. It is installed from the build under test, and moved to another place before anything looks at it."""
import json
import os
import re
import shutil
import stat
import subprocess
import unittest
from pathlib import Path

BUILD = Path(os.environ["MPIPE_CONSUMERS_BUILD"])
ROOT = Path(os.environ["MPIPE_CONSUMERS_ROOT"])
CMAKE = os.environ["MPIPE_CONSUMERS_CMAKE"]
MPIEXEC = os.environ["MPIPE_CONSUMERS_MPIEXEC"]
HERE = Path(__file__).resolve().parent
WORK = BUILD / "tests" / "consumers" / "work"
PREFIX = WORK / "moved"
SWEEP = WORK / "sweep"  # where the project of installed/ is built
LONGEST = 240  # seconds; a command that takes longer hangs


def cached(name):
    """A setting of the build under test."""
    return re.search(rf"^{name}:[^=]*=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)[1]


def attempt(*command, **options):
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False, **options)


def run(*command, **options):
    """What a command prints; it must succeed."""
    done = attempt(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def mpirun(ranks, *command, **options):
    return run(MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", ranks, *command, **options)


def configure(source, build, *settings):
    return attempt(CMAKE, "-S", source, "-B", build, "-G", cached("CMAKE_GENERATOR"),
                   f"-DCMAKE_CXX_COMPILER={cached('CMAKE_CXX_COMPILER')}", *settings)


def program(file, text):
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def setUpModule():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    run(CMAKE, "--install", BUILD, "--prefix", WORK / "prefix")
    (WORK / "prefix").rename(PREFIX)
    done = configure(HERE / "installed", SWEEP, f"-DCMAKE_PREFIX_PATH={PREFIX}")
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    run(CMAKE, "--build", SWEEP, "--parallel", "2")
    run(CMAKE, "--install", SWEEP)


class Installed(unittest.TestCase):
    def test_headers_are_the_public_ones(self):
        ours = {file.relative_to(ROOT / "include") for file in (ROOT / "include").rglob("*.h*")}
        theirs = {file.relative_to(PREFIX / "include") for file in (PREFIX / "include").rglob("*") if file.is_file()}
        self.assertEqual(theirs, ours)

    def test_files_that_are_not_code(self):
        share = PREFIX / "share" / "mpipe"
        self.assertEqual(json.loads((share / "pipeline.schema.json").read_text())["title"],
                         json.loads((ROOT / "docs" / "pipeline.schema.json").read_text())["title"])
        self.assertTrue(os.access(share / "slurm" / "one-job.sh", os.X_OK))
        self.assertTrue((share / "examples" / "ising" / "ising.yaml").is_file())

    def test_nothing_names_the_places_of_this_build(self):
        for file in PREFIX.rglob("*"):
            if file.suffix in (".cmake", ".pc"):
                for place in (BUILD, ROOT, WORK / "prefix"):
                    self.assertNotIn(str(place), file.read_text(), file)

    def test_program_of_cmake_on_two_ranks(self):
        self.assertEqual(mpirun(2, SWEEP / "sweep", WORK / "run_cmake"), "8550 on 2\n")
        shown = run(PREFIX / "bin" / "pipeline_app", "show", WORK / "run_cmake", "total", "--json")
        self.assertEqual(json.loads(shown)["outputs"]["total"]["data"], 8550)

    def test_plugin_by_its_name_in_the_installed_program(self):
        said = mpirun(2, PREFIX / "bin" / "pipeline_app", "map", HERE / "installed" / "squares.yaml", "--json")
        self.assertEqual(json.loads(said)["outputs"]["total"]["data"], 285)

    def test_language_python_of_the_installed_program(self):
        if not list((BUILD / "lib" / "mpipe" / "plugins").glob("libmpipe_python.so")):
            self.skipTest("libmpipe_python.so was left out of this build")
        (WORK / "model.py").write_text("def twice(x):\n    return 2.0 * x\n")
        document = WORK / "model.yaml"
        document.write_text('mpipe: 1\nfunctions:\n  - {output: y, python: "./model.py:twice", mapspec: "x[i] -> y[i]"}\n'
                            "inputs: {x: [1.0, 2.5]}\n")
        said = json.loads(run(PREFIX / "bin" / "pipeline_app", "map", document, "--json"))
        self.assertEqual(said["outputs"]["y"]["data"], [2.0, 5.0])

    def test_code_with_an_mpi_of_its_own_maps_on_half_of_its_ranks(self):
        environment = {**os.environ, "MPIPE_PLUGIN_PATH": str(PREFIX / "lib" / "mpipe" / "plugins")}
        said = mpirun(4, SWEEP / "halves", HERE / "installed" / "squares.yaml", env=environment)
        self.assertEqual(sorted(said.splitlines()), ["285 on 2", "others 4"])

    def test_pkg_config_with_a_plain_compiler(self):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(PREFIX / "lib" / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "mpipe", env=environment).split()
        run("mpicxx", "-std=c++20", HERE / "installed" / "sweep.cpp", "-o", WORK / "plain", *flags)
        self.assertEqual(mpirun(2, WORK / "plain", WORK / "run_plain"), "8550 on 2\n")
        plugins = run("pkg-config", "--variable=plugindir", "mpipe", env=environment).strip()
        self.assertTrue((Path(plugins) / "libsquares.so").samefile(PREFIX / "lib/mpipe/plugins/libsquares.so"))


    def test_the_example_in_fortran(self):
        if not shutil.which("mpif90"):
            self.skipTest("there is no mpif90")
        environment = {**os.environ, "PKG_CONFIG_PATH": str(PREFIX / "lib" / "pkgconfig")}
        flags = run("pkg-config", "--libs", "mpipe", env=environment).split()
        (WORK / "fortran").mkdir()
        sources = [PREFIX / "share/mpipe/examples/fortran" / name for name in ("mpipe.f90", "drag.f90")]
        run("mpif90", "-std=f2008", "-Wall", *sources, "-o", "drag", *flags, cwd=WORK / "fortran")
        self.assertEqual(mpirun(3, WORK / "fortran" / "drag"), "mean of cd: 0.134829 0.133492 0.132667\n")

    def test_the_manual_of_c(self):
        manual = (ROOT / "docs" / "howto" / "c.md").read_text()
        (WORK / "manual.c").write_text(re.search(r"```c\n(.*?)```", manual, re.S)[1])
        environment = {**os.environ, "PKG_CONFIG_PATH": str(PREFIX / "lib" / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "mpipe", env=environment).split()
        run("mpicc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", WORK / "manual.c", "-o", WORK / "manual", *flags)
        self.assertEqual(mpirun(3, WORK / "manual", cwd=WORK), "cd at 1e6 and 10: 0.354333\n")


@unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "packages are made by Debian's dpkg-dev, which is not here")
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.packages = WORK / "packages"
        run(Path(CMAKE).with_name("cpack"), "--config", BUILD / "CPackConfig.cmake", "-B", cls.packages,
            "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip")
        cls.usr = WORK / "debian" / "usr"
        for name in ("mpipe", "libmpipe-dev"):
            (package,) = cls.packages.glob(f"{name}_*.deb")
            run("dpkg", "-x", package, cls.usr.parent)

    def field(self, name, field):
        (package,) = self.packages.glob(f"{name}_*.deb")
        return run("dpkg", "-f", package, field).strip()

    def test_the_program_says_what_it_is_linked_with(self):
        depends = self.field("mpipe", "Depends")
        for library in ("libopenmpi", "libhdf5-openmpi", "libboost-mpi", "libyaml-cpp", "libspdlog", "libfmt", "libxxhash", "zlib1g", "libc6"):
            self.assertIn(library, depends)

    def test_the_library_says_what_it_is_linked_with(self):
        depends = self.field("libmpipe-dev", "Depends")
        for name in ("mpi", "hdf5", "boost_mpi", "boost_serialization", "fmt", "spdlog", "yaml-cpp", "xxhash", "z"):
            lines = run("dpkg", "-S", f"*/lib{name}.so").splitlines()
            owners = {re.sub(r"[0-9.]+-dev$", "-dev", line.split(":")[0]) for line in lines}
            self.assertTrue(owners & set(depends.split(", ")), f"{owners} of lib{name}.so is not in: {depends}")

    def test_the_program_runs_where_it_is_unpacked(self):
        said = mpirun(2, self.usr / "bin" / "pipeline_app", "map", HERE / "installed" / "squares.yaml", "--json",
                      env={**os.environ, "MPIPE_PLUGIN_PATH": str(SWEEP)})
        self.assertEqual(json.loads(said)["outputs"]["total"]["data"], 285)

    def test_the_library_is_found_where_it_is_unpacked(self):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.usr / "lib" / "pkgconfig")}
        (flag, *_) = [word for word in run("pkg-config", "--libs", "mpipe", env=environment).split() if word.startswith("-L")]
        self.assertTrue((Path(flag[2:]) / "libmpipe.a").samefile(self.usr / "lib" / "libmpipe.a"))


class Refused(unittest.TestCase):
    """What does not fit is refused in one sentence."""

    def refusal(self, name, *settings):
        done = configure(HERE / "installed", WORK / name, f"-DCMAKE_PREFIX_PATH={PREFIX}", *settings)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return " ".join(done.stderr.split())

    def test_another_mpi(self):
        library = WORK / "libmpich.so.12"
        run("cc", "-shared", "-fPIC", f"-Wl,-soname,{library.name}", HERE / "fake_mpi.c", "-o", library)
        (WORK / "libmpich.so").symlink_to(library.name)
        (WORK / "mpi.h").write_text("#define MPI_VERSION 3\n#define MPI_SUBVERSION 1\n#define MPI_MAX_LIBRARY_VERSION_STRING 99\n"
                                    "#define MPICH_SKIP_MPICXX 1\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
                                    "int MPI_Init(int*, char***);\nint MPI_Finalize(void);\n"
                                    "int MPI_Get_library_version(char*, int*);\n#ifdef __cplusplus\n}\n#endif\n")
        settings = []
        for language, compiler in (("C", "cc"), ("CXX", "c++")):
            flags = f"-I{WORK} -L{WORK} -lmpich -Wl,-rpath,{WORK}"
            wrapper = program(WORK / f"mpi{compiler}", f'#!/bin/sh\n[ "$1" = -show ] && echo "{compiler} {flags}"\n')
            settings.append(f"-DMPI_{language}_COMPILER={wrapper}")
        said = self.refusal("other_mpi", *settings)
        mine = re.search(r'mpipe_find_dependencies\("(libmpi[^"]*)"',
                         (PREFIX / "lib/cmake/mpipe/mpipeConfig.cmake").read_text())[1]
        self.assertIn(f"the MPI that was found is libmpich.so.12 but mpipe was built for {mine}: choose that MPI by", said)

    def test_another_hdf5(self):
        package = WORK / "other_hdf5" / "lib" / "cmake" / "mpipe"
        shutil.copytree(PREFIX / "lib" / "cmake" / "mpipe", package)
        config = package / "mpipeConfig.cmake"
        text, replaced = re.subn(r'(mpipe_find_dependencies\("[^"]*") "[^"]*"', r'\1 "1.6.10"', config.read_text())
        self.assertEqual(replaced, 1)
        config.write_text(text)
        shutil.copytree(SWEEP, WORK / "other", ignore=shutil.ignore_patterns("sweep", "halves", "*.so", "*.o"))
        cache = WORK / "other" / "CMakeCache.txt"
        cache.write_text(cache.read_text().replace(str(SWEEP), str(WORK / "other")))
        self.assertRegex(self.refusal("other", f"-Dmpipe_DIR={package}"),
                         r"it was built for HDF5 1\.6\.10 but HDF5 [0-9.]+ was found .*: set HDF5_ROOT")


class Guest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build = WORK / "guest"
        done = configure(HERE / "guest", cls.build, f"-DMPIPE_SOURCE={ROOT}")
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.said = done.stdout
        commands = json.loads((cls.build / "compile_commands.json").read_text())
        cls.flags = {Path(command["file"]).relative_to(ROOT).as_posix(): command["command"].split() for command in commands
                     if Path(command["file"]).is_relative_to(ROOT) and not Path(command["file"]).is_relative_to(BUILD)}

    def test_modules_of_the_parent_are_its_own(self):
        self.assertEqual(re.findall(r"BuildOptions of (\w+)", self.said), ["guest"])

    def test_targets_of_ours_have_our_name(self):
        targets = run(CMAKE, "--build", self.build, "--target", "help")
        names = re.findall(r"(?m)^(?:\.\.\. )?(?:lib)?([\w.]+)(?:: phony)?$", targets)
        ours = {name for name in names if not name.startswith("mpipe")}
        self.assertIn("mpipe_programs", names)
        self.assertIn("squares", ours)
        self.assertLessEqual(ours, {"programs", "squares", "edit_cache", "rebuild_cache", "list_install_components", "install", "test"})

    def test_nothing_but_the_library_is_built(self):
        ours = {file.split("/")[0] for file in self.flags if not file.startswith("tests/consumers/")}
        self.assertEqual(ours, {"src"})

    def test_settings_of_the_parent_stay(self):
        cache = (self.build / "CMakeCache.txt").read_text()
        self.assertRegex(cache, r"(?m)^CMAKE_BUILD_TYPE:STRING=$")
        self.assertNotIn("CMAKE_PREFIX_PATH:", cache)

    def test_flags_of_the_parent_stay(self):
        parents = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
        for file in ("tests/consumers/guest/own.cpp", "tests/consumers/installed/sweep.cpp", "tests/consumers/installed/squares.cpp"):
            flags = [flag for flag in self.flags[file] if flag.startswith(("-W", "-O", "-f"))]
            self.assertEqual([flag for flag in flags if flag != "-fPIC"], parents, file)
        self.assertFalse([flag for flag in self.flags["tests/consumers/guest/own.cpp"] if flag.startswith(("-D", "-I", "-i"))])
        user = self.flags["tests/consumers/installed/sweep.cpp"]
        self.assertFalse([flag for flag in user if "SKIP_MPICXX" in flag or "MPIPE_VERSION" in flag])
        self.assertEqual(user[user.index(str(ROOT / "include")) - 1], "-isystem")

    def test_the_parents_errors_are_not_for_our_sources(self):
        flags = self.flags["src/core/error.cpp"]
        self.assertGreater(flags.index("-Wno-error"), flags.index("-Werror"))

    def test_nothing_of_ours_is_installed(self):
        self.assertNotIn("libmpipe", (self.build / "mpipe" / "cmake_install.cmake").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
