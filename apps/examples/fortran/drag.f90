! SPDX-License-Identifier: BSD-3-Clause
! A sweep over functions in Fortran: drag over Reynolds number and angle, and its mean over the angle.
!
!   mpif90 mpipe.f90 drag.f90 -o drag $(pkg-config --libs mpipe) && mpirun -n 3 ./drag
!
! Arrays of mpipe are in the order of C, so that the last axis of a mapspec is the first one of an array in Fortran.
module drag_functions
  use mpipe
  implicit none
contains

  ! cd(reynolds, alpha), two numbers.
  integer(c_int) function drag(context, arguments, outputs) bind(c)
    type(c_ptr), value :: context, outputs
    type(mpipe_array), intent(in) :: arguments(2)
    real(c_double), pointer :: reynolds, alpha
    call c_f_pointer(arguments(1)%data, reynolds)
    call c_f_pointer(arguments(2)%data, alpha)
    drag = mpipe_put_float64(outputs, 0_c_int, 0.02d0 + alpha**2 / 300 + 1 / sqrt(reynolds))
  end function

  ! The mean of an array with one axis.
  integer(c_int) function mean(context, arguments, outputs) bind(c)
    type(c_ptr), value :: context, outputs
    type(mpipe_array), intent(in) :: arguments(1)
    integer(c_int64_t), pointer :: length
    real(c_double), pointer :: values(:)
    call c_f_pointer(arguments(1)%shape, length)
    call c_f_pointer(arguments(1)%data, values, [length])
    mean = mpipe_put_float64(outputs, 0_c_int, sum(values) / real(length, c_double))
  end function
end module

program main
  use mpi_f08
  use mpipe
  use drag_functions
  implicit none
  real(c_double), target :: reynolds(3) = [1d5, 3d5, 1d6], alpha(101)
  integer(c_int64_t), target :: length
  real(c_double), pointer :: means(:)
  type(c_ptr) :: pipeline, results
  type(mpipe_array) :: found
  integer :: rank, k, provided

  call MPI_Init_thread(MPI_THREAD_FUNNELED, provided)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  alpha = [(k / 10d0, k = 0, 100)]

  call check(mpipe_create(pipeline))
  call check(mpipe_add_function(pipeline, "cd" // c_null_char, "reynolds, alpha" // c_null_char, &
      "reynolds[i], alpha[j] -> cd[i, j]" // c_null_char, c_funloc(drag), c_null_ptr, 1))
  call check(mpipe_add_function(pipeline, "mean_cd" // c_null_char, "cd" // c_null_char, &
      "cd[i, :] -> mean_cd[i]" // c_null_char, c_funloc(mean), c_null_ptr, 1))
  length = size(reynolds)
  call check(mpipe_set_input(pipeline, "reynolds" // c_null_char, numbers(reynolds)))
  length = size(alpha)
  call check(mpipe_set_input(pipeline, "alpha" // c_null_char, numbers(alpha)))

  call check(mpipe_map(pipeline, MPI_COMM_WORLD%MPI_VAL, results))
  if (rank == 0) then
    call check(mpipe_result(results, "mean_cd" // c_null_char, found))
    call c_f_pointer(found%data, means, [size(reynolds)])
    print "(a, 3f9.6)", "mean of cd:", means
  end if
  call mpipe_free_results(results)
  call mpipe_free_pipeline(pipeline)
  call MPI_Finalize()

contains

  type(mpipe_array) function numbers(values)
    real(c_double), target, intent(in) :: values(:)
    numbers = mpipe_array(mpipe_float64, 1, c_loc(length), c_loc(values))
  end function

  subroutine check(code)
    integer(c_int), intent(in) :: code
    if (code == 0) return
    print "(2a)", "drag: ", last_error()
    call MPI_Abort(MPI_COMM_WORLD, int(code))
  end subroutine
end program
