#!/usr/bin/env bash
# Builds, tests and measures on a machine with an NVIDIA GPU and no network. docs/gpu-suite.md says how.
#
#   bash scripts/gpu/gpu_suite.sh [build|test|sanitize|bench|all]... --out DIR
#       [--bundle DIR]    where scripts/gpu/gpu_bundle.ts packed (default build/bundle)
#       [--limit SECONDS] the most that one stage may take (default 600)
#       [--arch 90a]      architecture to build for (default: that of the GPU)
#       [--jobs N]        test files at a time (default 4)
#       [--backend cpu]   try this script on the CPU library, without a GPU
#
# DIR gets a log of each stage, results of the benches, and summary.json. Exits with 0 only where all
# that was asked for ran and passed.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
export NO_COLOR=1 DENO_NO_UPDATE_CHECK=1

usage() { sed -n '2,13s/^# \{0,1\}//p' "$root/scripts/gpu/gpu_suite.sh" >&2; exit 2; }
die() { echo "$1" >&2; exit 1; }

stages=() out='' bundle=$root/build/bundle limit=600 arch='' jobs=4 backend=cuda
while (($# > 0)); do
  case $1 in
    build | test | sanitize | bench) stages+=("$1") ;;
    all) stages+=(build test sanitize bench) ;;
    --out | --bundle | --limit | --arch | --jobs | --backend)
      (($# > 1)) || usage
      declare "${1#--}=$2"
      shift ;;
    *) usage ;;
  esac
  shift
done
((${#stages[@]} > 0)) && [[ -n $out ]] || usage
[[ $backend == cuda || $backend == cpu ]] || usage
[[ $limit =~ ^[1-9][0-9]*$ && $jobs =~ ^[1-9][0-9]*$ ]] || usage
mkdir -p "$out" || die "Cannot write results: $out cannot be made"
out=$(cd "$out" && pwd)
work=$root/build/gpu
mkdir -p "$work"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
results=$scratch/results.tsv  # stage, item, passed, failed, seconds, note
: >"$results"
exec 3>&1  # for people; what a stage prints goes to its log

# ---- tools -----------------------------------------------------------------------------------------

# xz may be missing; Python reads it as well.
unpack() {
  [[ -f $1 ]] || die "Cannot unpack $1: there is no such file, expected what scripts/gpu/gpu_bundle.ts packs"
  if [[ $2/.unpacked -nt $1 ]]; then return; fi
  mkdir -p "$2"
  tar -xJf "$1" -C "$2" 2>/dev/null || python3 -m tarfile -e "$1" "$2" ||
    die "Cannot unpack $1: neither tar with xz nor python3 could"
  touch "$2/.unpacked"
}

if [[ -f $bundle/deno.tar.xz ]]; then
  unpack "$bundle/deno.tar.xz" "$work/deno"
  deno=$work/deno/deno
  chmod +x "$deno"
  unpack "$bundle/deno-dir.tar.xz" "$work/deno-dir"
  export DENO_DIR=$work/deno-dir
elif deno=$(command -v deno); then
  echo "no $bundle/deno.tar.xz: using $deno and its own cache"
else
  die "Cannot start: there is neither $bundle/deno.tar.xz nor deno, expected one of them"
fi
# For the scripts that start Deno themselves.
PATH=$(dirname "$deno"):$PATH
export PATH
[[ -f $bundle/commit ]] && SPECMQUANT_COMMIT=$(<"$bundle/commit")
: "${SPECMQUANT_COMMIT:=$(git rev-parse HEAD 2>/dev/null || true)}"
export SPECMQUANT_COMMIT

gpu() { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1; }
device=$(gpu name)
driver=$(gpu driver_version)
for folder in "${CUDA_HOME:-}" /usr/local/cuda; do
  [[ -n $folder && -d $folder/bin ]] && PATH=$PATH:$folder/bin
done
nvcc=$(nvcc --version 2>/dev/null | sed -n 's/.*release [^,]*, V//p')

need_gpu() {
  if [[ $backend == cpu || -n $device ]]; then return 0; fi
  echo "Cannot $1: there is no GPU here (nvidia-smi lists none), expected one;" \
    "--backend cpu tries this script without" >&2
  return 1
}

# ---- one stage after the other ---------------------------------------------------------------------

left() { echo $((deadline - SECONDS > 0 ? deadline - SECONDS : 0)); }

# record ITEM PASSED FAILED SECONDS NOTE
record() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$stage" "$1" "$2" "$3" "$4" "${5:-}" >>"$results"
  echo "$stage: $1: $2 passed, $3 failed, $4 s${5:+ ($5)}" >&3
}

# keep FILE: appends what one command printed to the stage's log, whole, also where several end at once.
keep() { { flock 9 && cat "$1" >&9; } 9>>"$out/$stage.log"; }

# step ITEM COMMAND...: one command that passes or fails as a whole, its output into a file of its own.
step() {
  local item=$1 from=$SECONDS code=0 note=''
  shift
  local log=$scratch/$stage.$item.out
  if (($(left) == 0)); then
    record "$item" 0 1 0 "not run: the stage is out of time"
    return 1
  fi
  echo "== $item" >"$log"
  timeout --kill-after=10 "$(left)" "$@" >>"$log" 2>&1 || code=$?
  keep "$log"
  ((code == 124 || code == 137)) && note="ended by the time limit"
  ((code == 0 || code == 124 || code == 137)) || note="ended with $code"
  if ((code == 0)); then record "$item" 1 0 $((SECONDS - from)); else
    record "$item" 0 1 $((SECONDS - from)) "$note"
  fi
  return "$code"
}

run_build() {
  local folder=$root/cuda pids=() failed=0
  if [[ -z $arch ]]; then
    arch=$(gpu compute_cap | tr -d .)
    [[ $arch == 90 ]] && arch=90a
    : "${arch:=90a}"
  fi
  [[ -d $folder ]] || die "Cannot build: $folder is missing"
  step cpu "$deno" run -A --cached-only scripts/build.ts &
  pids+=($!)
  if [[ $backend == cuda ]]; then
    step "cuda-$arch" "$deno" run -A --cached-only scripts/build_cuda.ts --arch "$arch" &
    pids+=($!)
  fi
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return $failed
}

# What runs on every backend; names of those tests end with the backend in brackets.
suites() {
  ls tests/ops/*_test.ts
  grep -rl --include='*_test.ts' 'backendTest(' src tests | grep -v '^tests/ops/' | grep -vxF "$alone"
}
# One takes all memory of the GPU, the other compares times: no other test may run beside them.
alone='tests/engine/failures_test.ts
tests/speculation/endurance_test.ts'

# counts LOG: "passed failed" from Deno's last line, e.g. "ok | 3 passed (2 steps) | 0 failed | 4 ignored (1s)".
counts() {
  local line
  line=$(grep -E '^(ok|FAILED) \| [0-9]+ passed' "$1" | tail -n 1)
  [[ $line =~ ([0-9]+)\ passed.*\|\ ([0-9]+)\ failed ]] &&
    echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
}

# test_file ITEM FILE FILTER COMMAND...: runs one file under COMMAND (compute-sanitizer, or env).
test_file() {
  local item=$1 file=$2 filter=$3 from=$SECONDS code=0 passed=0 failed=1 note='' found
  shift 3
  local log=$scratch/$stage.$item.out options=(-A --no-check --cached-only)
  [[ -n $filter ]] && options+=(--filter "$filter")
  if (($(left) == 0)); then
    record "$item" 0 1 0 "not run: the stage is out of time"
    return
  fi
  echo "== $item" >"$log"
  timeout --kill-after=10 "$(left)" "$@" "$deno" test "${options[@]}" "$file" >>"$log" 2>&1 ||
    code=$?
  keep "$log"
  found=$(counts "$log") && read -r passed failed <<<"$found"
  if ((code == 124 || code == 137)); then
    failed=$((failed > 0 ? failed : 1)) note="ended by the time limit"
  elif ((code != 0)); then
    # What is no failed test (a crash, a race that the sanitizer found) is one failure.
    ((failed > 0)) || failed=1
    note="ended with $code"
  elif ((passed == 0)); then
    failed=1 note="no test ran"
  fi
  record "$item" "$passed" "$failed" $((SECONDS - from)) "$note"
}

in_parallel() { while (($(jobs -rp | wc -l) >= jobs)); do wait -n; done; }

run_test() {
  need_gpu test || return 1
  local file
  for file in $(suites); do
    in_parallel
    test_file "$(slug "$file")" "$file" "[$backend]" env &
  done
  in_parallel
  # Sessions take the device that is there.
  test_file "$(slug src/engine/session_test.ts)" src/engine/session_test.ts '' env &
  wait
  for file in $alone; do
    [[ $backend == cpu && $file == *failures* ]] || test_file "$(slug "$file")" "$file" "[$backend]" env
  done
}

slug() { local name=${1%_test.ts}; echo "${name//\//.}"; }

run_sanitize() {
  need_gpu sanitize || return 1
  local tool file command
  if [[ $backend == cuda ]]; then
    command -v compute-sanitizer >/dev/null ||
      { echo "Cannot sanitize: compute-sanitizer is not in PATH, expected CUDA's" >&2; return 1; }
  fi
  for tool in memcheck racecheck; do
    command=(compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 99)
    # Tests ask for what cannot be, such as too much memory: that the driver refuses is no error.
    [[ $tool == memcheck ]] && command+=(--report-api-errors no)
    [[ $backend == cuda ]] || command=(env)
    # The largest case first would leave no time for the others: in the order of their sizes.
    for file in $(ls -Sr tests/ops/*_test.ts); do
      in_parallel
      test_file "$tool.$(slug "$file")" "$file" "[$backend]" "${command[@]}" &
    done
  done
  wait
}

run_bench() {
  need_gpu measure || return 1
  local bench=("$deno" run -A --cached-only src/cli/main.ts bench --backend "$backend") failed=0
  if [[ $backend == cpu ]]; then
    step demo "${bench[@]}" --trio models/demo --runs 3 --rows 1,10 --context 64 --prompts 2 \
      --max-tokens 16 --json "$out/bench-demo.json"
    return
  fi
  local short=(--prompt-tokens 512,1024)
  step w4a16 "${bench[@]}" --synthetic llama-3-70b,llama-3-8b "${short[@]}" --json "$out/bench-w4a16.json" \
    --compare bench/results/anchors-h200.json || failed=1
  step f16 "${bench[@]}" --synthetic llama-3-8b --scheme f16 --tables ceilings,forward,prefill "${short[@]}" \
    --json "$out/bench-f16.json" --compare bench/results/anchors-h200.json || failed=1
  step prompts "${bench[@]}" --synthetic llama-3-8b --tables ceilings,prefill --runs 15 \
    --prompt-tokens 4096,8192,16384,32768 --json "$out/bench-prompts.json" || failed=1
  # What others make of the same attention, on the same card and in the same call.
  local python=${PYTHON:-python3}
  if "$python" -c 'import importlib.util as of, sys; sys.exit(of.find_spec("torch") is None)' 2>/dev/null; then
    step attention-reference "$python" bench/reference/attention.py --json "$out/bench-attention-reference.json" ||
      failed=1
  else
    record attention-reference 0 0 0 "not run: $python has no torch"
  fi
  step inflated "${bench[@]}" --inflate 70b-8b --tables end-to-end \
    --json "$out/bench-inflated.json" || failed=1
  local small=(--head-scheme w4a16-g128 --head-tokens 32000)
  step inflated-heads "${bench[@]}" --inflate 70b-8b --tables drafts,end-to-end "${small[@]}" \
    --json "$out/bench-inflated-heads.json" || failed=1
  local model
  for model in llama-3-8b qwen3-8b; do
    step "drafts-$model" "${bench[@]}" --synthetic $model --tables ceilings,drafts --head-scheme f16 \
      --json "$out/bench-drafts-$model.json" || failed=1
    step "drafts-$model-small" "${bench[@]}" --synthetic $model --tables ceilings,drafts "${small[@]}" \
      --json "$out/bench-drafts-$model-small.json" || failed=1
  done
  step lm-head "${bench[@]}" --synthetic llama-3-8b --lm-head w8a16 --tables ceilings,forward,speculation \
    --rows 1,10,30 --json "$out/bench-lm-head.json" || failed=1
  step products "$deno" run -A --cached-only bench/products.ts --json "$out/bench-products.json" || failed=1
  step constrained "$deno" run -A --cached-only bench/constrained.ts --backend "$backend" \
    --json "$out/bench-constrained.json" || failed=1
  local rows=1,4,7,10,24,30,60 schemes=w4a16-g128-asym,w4a8-qqq,w4a8-qqq-g128,w4a8-qoq,w4a8-qoq-g128,w8a8,fp8
  step schemes "${bench[@]}" --synthetic llama-3-8b --scheme "$schemes" --rows $rows --runs 30 \
    --tables ceilings,forward,prefill "${short[@]}" --json "$out/bench-schemes-8b.json" \
    --compare bench/results/anchors-h200.json || failed=1
  step schemes-70b "${bench[@]}" --synthetic llama-3-70b --scheme "$schemes" --rows $rows --runs 20 \
    --tables ceilings,forward,prefill "${short[@]}" --json "$out/bench-schemes-70b.json" || failed=1
  return $failed
}

sum_up() {
  "$deno" run -A --cached-only scripts/gpu/gpu_summary.ts "$scratch" "$out/summary.json" \
    "device=$device" "driver=$driver" "nvcc=$nvcc" "commit=$SPECMQUANT_COMMIT" "backend=$backend"
}

status=0
for stage in "${stages[@]}"; do
  from=$SECONDS
  deadline=$((SECONDS + limit))
  echo "== $stage"
  : >"$out/$stage.log"
  "run_$stage" >>"$out/$stage.log" 2>&1 || status=1
  # A stage in which nothing ran has not passed.
  grep -q "^$stage	" "$results" || record "$stage" 0 1 0 "$(head -n 1 "$out/$stage.log")"
  printf '%s\t%s\n' "$stage" $((SECONDS - from)) >>"$scratch/seconds.tsv"
  # After each stage: whoever ends this script finds what is done.
  sum_up >/dev/null || status=1
done
sum_up || status=1
exit $status
