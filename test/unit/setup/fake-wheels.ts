import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** A wheel as small as it can be: its files, and what it says it needs. */
export interface FakeWheel {
  name: string
  version: string
  tag?: string
  files?: Record<string, string>
  requires?: string[]
  extras?: string[]
}

/** Writes wheels into a folder and points pip at it alone: a package index with no network. */
export function offlineIndex(folder: string, wheels: readonly FakeWheel[]): void {
  const script = [
    'import json, sys, zipfile',
    'for w in json.load(sys.stdin):',
    '    base = w["name"].replace("-", "_") + "-" + w["version"]',
    '    lines = ["Metadata-Version: 2.1", "Name: " + w["name"], "Version: " + w["version"]]',
    '    lines += ["Provides-Extra: " + e for e in w.get("extras", [])]',
    '    lines += ["Requires-Dist: " + r for r in w.get("requires", [])]',
    '    with zipfile.ZipFile(f"{sys.argv[1]}/{base}-{w.get(\'tag\', \'py3-none-any\')}.whl", "w") as z:',
    '        for path, text in w.get("files", {}).items(): z.writestr(path, text)',
    '        z.writestr(base + ".dist-info/METADATA", "\\n".join(lines) + "\\n")',
    '        z.writestr(base + ".dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: py3-none-any\\n")',
    '        z.writestr(base + ".dist-info/RECORD", "")',
  ].join('\n')
  mkdirSync(folder, { recursive: true })
  execFileSync('python3', ['-c', script, folder], { input: JSON.stringify(wheels) })
  Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder })
}

/** The wheel of torch and what it needs of NVIDIA's, as they are cut today, with files of a few bytes. */
export function torchWheels(folder: string, version: string, options: { without?: string } = {}): void {
  const lib = [
    'libc10.so',
    'libtorch_cpu.so',
    'libgomp.so.1',
    'libtorch_cuda.so',
    'libc10_cuda.so',
    'libtorch_python.so',
  ]
  const files: Record<string, string> = {
    'torch/version.py': `__version__ = '${version}+cu999'\n`,
    'torch/include/ATen/ATen.h': '',
    'torch/nn/functional.py': '',
    'functorch/__init__.py': '',
  }
  for (const name of lib) files[`torch/lib/${name}`] = `${name} NSt7__cxx1112basic_string`
  if (options.without !== undefined) delete files[options.without]
  offlineIndex(folder, [
    {
      name: 'torch',
      version,
      tag: 'cp313-cp313-manylinux_2_28_x86_64',
      files,
      requires: [
        'sympy>=1.13.3',
        'cuda-toolkit[cublas,cudart,cupti]==99.1.2; platform_system == "Linux"',
        'nvidia-nccl-cu99==2.0; platform_system == "Linux"',
        'triton~=3.9.0; platform_system == "Linux"',
        'opt-einsum>=3.3; extra == "opt-einsum"',
      ],
    },
    {
      name: 'cuda-toolkit',
      version: '99.1.2',
      extras: ['cublas', 'cudart', 'cupti'],
      requires: [
        'nvidia-cublas==5.0; extra == "cublas"',
        'nvidia-cuda-runtime==99.1; extra == "cudart"',
        'nvidia-cuda-cupti==99.2; extra == "cupti"',
      ],
    },
    { name: 'nvidia-cublas', version: '5.0', files: { 'nvidia/cu99/lib/libcublas.so.99': '' } },
    {
      name: 'nvidia-cuda-runtime',
      version: '99.1',
      files: { 'nvidia/cu99/lib/libcudart.so.99': '', 'nvidia/cu99/include/cuda_runtime.h': '' },
    },
    { name: 'nvidia-cuda-cupti', version: '99.2', files: { 'nvidia/cu99/lib/libcupti.so.99': '' } },
    { name: 'nvidia-nccl-cu99', version: '2.0', files: { 'nvidia/nccl/lib/libnccl.so.2': '' } },
  ])
}
