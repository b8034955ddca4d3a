! SPDX-License-Identifier: BSD-3-Clause
! The module mpipe: <mpipe/mpipe.h> for Fortran 2008, as far as the example beside it needs more than types.
! Copy it, and add interfaces as your program needs them: each is the line of the header, written in Fortran.
module mpipe
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int32_t), parameter :: mpipe_int64 = 4, mpipe_float64 = 10

  type, bind(c) :: mpipe_array
    integer(c_int32_t) :: type
    integer(c_int32_t) :: rank
    type(c_ptr) :: shape
    type(c_ptr) :: data
  end type

  interface
    integer(c_int) function mpipe_create(pipeline) bind(c)
      import :: c_int, c_ptr
      type(c_ptr), intent(out) :: pipeline
    end function

    integer(c_int) function mpipe_add_function(pipeline, outputs, parameters, mapspec, call, context, thread_safe) bind(c)
      import :: c_int, c_ptr, c_funptr, c_char
      type(c_ptr), value :: pipeline, context
      character(kind=c_char), intent(in) :: outputs(*), parameters(*), mapspec(*)
      type(c_funptr), value :: call
      integer(c_int), value :: thread_safe
    end function

    integer(c_int) function mpipe_put_float64(outputs, output, number) bind(c)
      import :: c_int, c_ptr, c_double
      type(c_ptr), value :: outputs
      integer(c_int), value :: output
      real(c_double), value :: number
    end function

    integer(c_int) function mpipe_set_input(pipeline, name, array) bind(c)
      import :: c_int, c_ptr, c_char, mpipe_array
      type(c_ptr), value :: pipeline
      character(kind=c_char), intent(in) :: name(*)
      type(mpipe_array), intent(in) :: array
    end function

    integer(c_int) function mpipe_set_option(pipeline, name, text) bind(c)
      import :: c_int, c_ptr, c_char
      type(c_ptr), value :: pipeline
      character(kind=c_char), intent(in) :: name(*), text(*)
    end function

    integer(c_int) function mpipe_map(pipeline, comm, results) bind(c, name="mpipe_map_fortran")
      import :: c_int, c_ptr
      type(c_ptr), value :: pipeline
      integer(c_int), value :: comm
      type(c_ptr), intent(out) :: results
    end function

    integer(c_int) function mpipe_result(results, output, array) bind(c)
      import :: c_int, c_ptr, c_char, mpipe_array
      type(c_ptr), value :: results
      character(kind=c_char), intent(in) :: output(*)
      type(mpipe_array), intent(out) :: array
    end function

    subroutine mpipe_free_results(results) bind(c)
      import :: c_ptr
      type(c_ptr), value :: results
    end subroutine

    subroutine mpipe_free_pipeline(pipeline) bind(c)
      import :: c_ptr
      type(c_ptr), value :: pipeline
    end subroutine

    type(c_ptr) function mpipe_error_text() bind(c)
      import :: c_ptr
    end function

    integer(c_size_t) function c_length(text) bind(c, name="strlen")
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
    end function
  end interface

contains

  ! The text of the last error.
  function last_error() result(text)
    character(len=:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    type(c_ptr) :: found
    integer :: k
    found = mpipe_error_text()
    call c_f_pointer(found, letters, [c_length(found)])
    allocate(character(len=size(letters)) :: text)
    do k = 1, size(letters)
      text(k:k) = letters(k)
    end do
  end function
end module
