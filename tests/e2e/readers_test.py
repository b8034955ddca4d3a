# SPDX-License-Identifier: BSD-3-Clause
"""The results file as programs read it that know nothing of mpipe: the tools of netCDF, Fortran, NCO, CDO, Octave, VTK.

What is not installed is skipped. h5py, xarray and netCDF4 for Python are in other tests.
"""
import importlib.util
import re
import shutil
import subprocess
import unittest

import support

WING = """
mpipe: 1
functions:
  - {output: cd, expr: "0.02 + alpha^2 / 300 + 1 / sqrt(reynolds)", mapspec: "reynolds[i], alpha[j] -> cd[i, j]",
     units: "1", long_name: drag coefficient}
  - {output: mean_cd, expr: "mean(cd)", mapspec: "cd[i, :] -> mean_cd[i]"}
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "k[m] -> word[m]"}
inputs:
  reynolds: [1e5, 3e5, 1e6]
  alpha: {linspace: [0, 10, 5]}
  k: [1, 2]
"""
CD = [[0.02 + alpha * alpha / 300 + reynolds ** -0.5 for alpha in (0, 2.5, 5, 7.5, 10)] for reynolds in (1e5, 3e5, 1e6)]
MEANS = [sum(row) / 5 for row in CD]

FORTRAN = """
program read_results
  use netcdf
  implicit none
  integer :: file, variable
  character(len=80) :: text
  real(kind=8) :: cd(5, 3)
  call check(nf90_open("run/results.h5", nf90_nowrite, file))
  call check(nf90_inq_varid(file, "cd", variable))
  text = ""
  call check(nf90_get_att(file, variable, "long_name", text))
  call check(nf90_get_var(file, variable, cd))
  print '(a,":",15(1x,es23.16))', trim(text), cd
contains
  subroutine check(status)
    integer, intent(in) :: status
    if (status /= nf90_noerr) then
      print *, trim(nf90_strerror(status))
      stop 1
    end if
  end subroutine
end program
"""

VTK = """
from vtkmodules.vtkIONetCDF import vtkNetCDFReader
reader = vtkNetCDFReader()
reader.SetFileName("run/results.h5")
reader.UpdateMetaData()
names = [reader.GetAllVariableArrayNames().GetValue(k) for k in range(reader.GetAllVariableArrayNames().GetNumberOfValues())]
for name in names:
    reader.SetVariableArrayStatus(name, int(name == "cd"))
reader.Update()
data = reader.GetOutput()
values = data.GetPointData().GetArray("cd") or data.GetCellData().GetArray("cd")
print(*(repr(values.GetValue(k)) for k in range(values.GetNumberOfValues())))
"""


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return unittest.skipIf(missing, f"not installed: {' '.join(missing)}")


class Readers(support.AppTest):
    def setUp(self):
        super().setUp()
        self.write("wing.yaml", WING)
        self.app("map", "wing.yaml", "--run-folder", "run")

    def said(self, *command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=support.LONGEST, check=False)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def are_close(self, found, expected, places=6):
        self.assertEqual(len(found), len(expected), found)
        for one, other in zip(found, expected):
            self.assertAlmostEqual(float(one), other, places=places)

    @needs("ncdump")
    def test_ncdump(self):
        header = self.said("ncdump", "-h", "run/results.h5")
        for line in ("double cd(i, j)", 'cd:units = "1"', 'cd:coordinates = "alpha reynolds"', "string word(m)", 'Conventions = "CF-1.8"'):
            self.assertIn(line, header)

    @needs("gfortran", "nf-config")
    def test_fortran(self):
        self.write("read.f90", FORTRAN)
        flags = self.said("nf-config", "--fflags", "--flibs").split()
        self.said("gfortran", "read.f90", "-o", "read", *flags)
        name, _, values = self.said("./read").strip().partition(":")
        self.assertEqual(name, "drag coefficient")
        self.are_close(values.split(), [value for row in CD for value in row])

    @needs("ncks", "ncwa", "ncdump")
    def test_nco(self):
        self.assertRegex(self.said("ncks", "-m", "-v", "cd", "run/results.h5"), r'cd:long_name = "drag coefficient"')
        self.said("ncwa", "-O", "-a", "j", "-v", "cd", "run/results.h5", "mean.nc")
        values = re.search(r"cd = ([^;]*);", self.said("ncdump", "-v", "cd", "mean.nc").partition("data:")[2])[1]
        self.are_close(values.split(","), MEANS)

    @needs("cdo")
    def test_cdo(self):
        self.app("export", "run", "cd", "--netcdf", "cd.nc", "--coords")
        told = self.said("cdo", "-s", "infon", "-selname,cd", "cd.nc")
        line = next(line for line in told.splitlines() if line.rstrip().endswith(": cd"))
        smallest, mean, largest = line.split(":")[-2].split()
        # It prints five digits.
        self.are_close([smallest, mean, largest], [min(map(min, CD)), sum(MEANS) / 3, max(map(max, CD))], places=4)

    @needs("octave-cli")
    def test_octave(self):
        told = self.said("octave-cli", "--norc", "--eval",
                         "file = load('-hdf5', 'run/results.h5'); printf('%.17g ', file.cd); disp(size(file.cd))")
        *values, rows, columns = told.split()
        self.assertEqual((rows, columns), ("5", "3"), "the first axis of Octave is the last one of the file")
        self.are_close(values, [value for row in CD for value in row])

    @unittest.skipIf(importlib.util.find_spec("vtkmodules") is None, "not installed: python3-vtk9")
    def test_vtk(self):
        self.write("read.py", VTK)
        self.are_close(self.said("/usr/bin/python3", "read.py").split(), [value for row in CD for value in row])


if __name__ == "__main__":
    unittest.main()
