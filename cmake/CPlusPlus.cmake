# A C++ compiler, where there is one: for the test of the public header, an example and peers of the bench.
include(CheckLanguage)
if(NOT CMAKE_CXX_COMPILER)
  unset(CMAKE_CXX_COMPILER CACHE) # it may have been installed since, as `make test` does after `make`
endif()
check_language(CXX)
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
endif()
