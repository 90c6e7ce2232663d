// Derivatives in forward mode that libtorch has in Python alone (torch/_decomp/decompositions_for_jvp.py): backward
// passes written of operators that have one. Without them no softmax, layer norm or cross-entropy could be
// differentiated forward over reverse.
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/decomposition_registry.h>
#include <torch/jit.h>

#include <mutex>
#include <string>

#include "environment.h"

namespace bidora {

namespace {

// In TorchScript, each with the arguments of its operator, in order. Statistics that the forward pass saved have no
// tangent (layer norm's mean and rstd), so they are computed again; the targets of a loss are constants.
constexpr const char* kRules = R"(
def _softmax_backward_data(grad: Tensor, y: Tensor, dim: int, dtype: int) -> Tensor:
    product = grad * y
    return (product - y * product.sum(dim=[dim], keepdim=True)).to(dtype)

def _log_softmax_backward_data(grad: Tensor, y: Tensor, dim: int, dtype: int) -> Tensor:
    return (grad - torch.exp(y) * grad.sum(dim=[dim], keepdim=True)).to(dtype)

def nll_loss_backward(grad: Tensor, x: Tensor, target: Tensor, weight: Optional[Tensor], reduction: int, ignored: int, total: Tensor) -> Tensor:
    dim = x.dim() - 1
    classes = target.unsqueeze(dim)
    counts = classes != ignored
    picked = torch.scatter(torch.zeros_like(x), dim, torch.where(counts, classes, torch.zeros_like(classes)), -1.0)
    if weight is not None:
        picked = picked * weight
    picked = torch.where(counts, picked, torch.zeros_like(picked))
    if reduction == 1:
        grad = grad / total
    if reduction == 0:
        grad = grad.unsqueeze(dim)
    return picked * grad

def native_layer_norm_backward(grad: Tensor, x: Tensor, shape: List[int], mean: Tensor, rstd: Tensor, weight: Optional[Tensor], bias: Optional[Tensor], mask: List[bool]) -> Tuple[Tensor, Tensor, Tensor]:
    outer = x.dim() - len(shape)
    inner_dims = list(range(outer, x.dim()))
    outer_dims = list(range(outer))
    variance, average = torch.var_mean(x, dim=inner_dims, correction=0, keepdim=True)
    eps = (rstd.pow(-2) - variance).detach()
    inverse = torch.rsqrt(variance + eps)
    normal = (x - average) * inverse
    scaled = grad
    if weight is not None:
        scaled = grad * weight
    dx = inverse * (scaled - scaled.mean(dim=inner_dims, keepdim=True) - normal * (scaled * normal).mean(dim=inner_dims, keepdim=True))
    dweight = grad * normal
    dbias = grad
    if outer > 0:
        dweight = dweight.sum(dim=outer_dims)
        dbias = dbias.sum(dim=outer_dims)
    if weight is not None:
        dweight = dweight.to(weight.dtype)
    if bias is not None:
        dbias = dbias.to(bias.dtype)
    return dx.to(x.dtype), dweight, dbias

def log_sigmoid_forward(x: Tensor) -> Tuple[Tensor, Tensor]:
    z = torch.exp(-torch.abs(x))
    buffer = z
    if x.is_cuda:
        buffer = torch.zeros([0], dtype=x.dtype, device=x.device)
    return torch.clamp(x, max=0) - torch.log1p(z), buffer
)";

void Register() {
  static const std::shared_ptr<torch::jit::CompilationUnit> unit = torch::jit::compile(kRules);
  for (const char* name : {"_softmax_backward_data", "_log_softmax_backward_data", "nll_loss_backward",
                           "native_layer_norm_backward", "log_sigmoid_forward"}) {
    const c10::FunctionSchema& schema =
        c10::Dispatcher::singleton().findSchemaOrThrow((std::string("aten::") + name).c_str(), "").schema();
    if (torch::jit::has_jit_decomposition(schema)) continue;
    torch::jit::RegisterDecomposition(schema, torch::jit::toGraphFunction(unit->get_function(name)).graph());
  }
}

}  // namespace

void RegisterForwardRules() {
  static std::once_flag once;  // libtorch's table is one for the process
  std::call_once(once, Register);
}

}  // namespace bidora
