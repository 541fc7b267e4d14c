package satra
