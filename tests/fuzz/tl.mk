# SPDX-License-Identifier: MIT
# Fuzzers of the dom0 tools (clang, libFuzzer). `make fuzz-tl FUZZ_TIME=60` runs each that long.

TLF := tl_config tl_image
TLF_SRC := $(addprefix dom0-tools/lib/,unpack.c elfimg.c layout.c cfgfile.c config.c cpuid.c cpuset.c devspec.c diag.c range.c)
FUZZ_TIME ?= 60

FORMAT_SRCS += $(wildcard tests/fuzz/tl_*.c)

$(B)/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(TLF_SRC)
	@mkdir -p $(@D)
	clang -std=gnu11 -D_GNU_SOURCE -D__XEN_TOOLS__ -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-Idom0-tools -Idom0-tools/lib $^ -o $@ -llzma -lzstd -lz -llz4

.PHONY: fuzz-tl
fuzz-tl: $(TLF:%=$(B)/fuzz/%_fuzz)
	@mkdir -p $(B)/fuzz/corpus-tl_config $(B)/fuzz/corpus-tl_image
	cp tests/unit/tl-config/*.cfg $(B)/fuzz/corpus-tl_config
	cp $(B)/tl-tiny.elf $(B)/fuzz/corpus-tl_image
	for f in gzip xz lz4 zstd; do $$f -q -c $(B)/tl-tiny.elf > $(B)/fuzz/corpus-tl_image/tiny.$$f || rm -f $(B)/fuzz/corpus-tl_image/tiny.$$f; done
	for f in $(TLF); do $(B)/fuzz/$${f}_fuzz -max_total_time=$(FUZZ_TIME) -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/ $(B)/fuzz/corpus-$$f || exit 1; done
