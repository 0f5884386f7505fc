"""The meaning of names in learners' code: arguments, options, results, kinds of layer."""

import re
from collections.abc import Iterable

#: Role -> the names that learners give to such an argument, in lower case without underscores.
_ARGUMENTS = {
    "x": "x a data image images img img inp input inputs inputdata inputarray inputs aprev z "
    "logits logit score scores xin inputtensor features net net weightedinput outputprev h",
    "weight": "w weight weights kernel kernels filter filters theta filts",
    "bias": "b bias biases",
    "grad_y": "dout dy dz da dl dldout dldy dldz dh grad grads gradoutput gradout gradoutputs "
    "outgrad outputgradient outgrads delta deltas upstream sensitivityarray sensitivitymap error "
    "err errors gradient dnext doutput gradient g outputgrad outputerror gradz grady dloss dlout",
    "cache": "cache caches saved memory ctx context activationcache linearcache",
    "options": "convparam convparams poolparam poolparams bnparam bnparams dropoutparam "
    "dropoutparams hparameters hparams hparam hyperparameters param config options",
    "stride": "stride strides s step steps",
    "stride_h": "strideh sh stridey verticalstride strideheight",
    "stride_w": "stridew sw stridex horizontalstride stridewidth",
    "padding": "pad padding pads zeropadding p padsize paddingsize",
    "padding_h": "padh ph pady paddingh paddingheight padheight",
    "padding_w": "padw pw padx paddingw paddingwidth padwidth",
    "dilation": "dilation dilations dilate d",
    "kernel": "kernelsize filtersize poolsize windowsize ksize size window pool k f fsize ks "
    "kernelshape filtershape poolshape fieldsize",
    "kernel_h": "poolh poolheight filterh filterheight kernelh kernelheight fh kh hh hf "
    "fieldheight",
    "kernel_w": "poolw poolwidth filterw filterwidth kernelw kernelwidth fw kw ww fieldwidth wf",
    "height": "inputheight imageheight inh heightin h height",
    "width": "inputwidth imagewidth inw widthin width",
    "in_channels": "inchannels inputchannels channelnumber cin nin inchannel channels numchannels "
    "inputchannel inc infeatures inputsize inputdim indim infeature nchannels numfeatures c ni dim "
    "nbchannels din ninput dimin insize inputdepth inputlen ninputs numinputs inputunits",
    "out_channels": "outchannels outputchannels filternumber numfilters nfilters cout nout "
    "outchannel filtersnumber outc outfeatures outputsize outputdim outdim numkernels outfeature "
    "nfilter nkernels nbfilters noutput dimout outsize nunits depth units nodes noutputs "
    "numoutputs outputunits",
    "x_shape": "xshape inputshape shape imshape imageshape inshape imgshape",
    "weight_shape": "wshape weightshape weightsshape kernelsshape",
    "cols": "col cols columns column",
    "y": "y out output outputs yhat activated result",
    "labels": "t label labels target targets ytrue classes truth groundtruth",
    "gamma": "gamma scale",
    "beta": "beta shift",
    "eps": "eps epsilon",
    "momentum": "momentum decay",
    "running_mean": "runningmean movingmean",
    "running_var": "runningvar movingvar runningvariance",
    "p": "p dropoutratio ratio droprate rate prob dropprob dropoutrate keepprob probability "
    "dropoutprob",
    "training": "trainflg training istraining train istrain trainflag",
    "mode": "mode",
    "mask": "mask",
    "activator": "activator activation activate",
    "optimizer": "optimizer optimiser opt optim",
    "lr": "learningrate learnrate lr eta alpha",
}  # fmt: skip

#: The same in German, Spanish and French, in letters without accents.
_ABROAD = {
    "x": "eingabe eingang bild bilder daten entrada entradas imagen imagenes entree entrees",
    "weight": "gewichte gewicht kern kerne pesos peso filtros filtro nucleo poids noyau noyaux "
    "filtre filtres",
    "bias": "schwelle schwellen schwellwert sesgo sesgos biais w0 theta0",
    "grad_y": "fehler dsal dsalida gradsalida gradausgabe gradsortie",
    "stride": "schrittweite schritt paso pasos zancada pas",
    "padding": "rand relleno remplissage",
    "kernel": "groesse fenster kerngroesse filtergroesse fenstergroesse tam tamano tamfiltro "
    "tamkernel tamanokernel ventana taille fenetre",
    "in_channels": "kanaele eingangskanaele eingabekanaele ncanales canales canalesentrada "
    "nentradas canaux",
    "out_channels": "ausgangskanaele ausgabekanaele anzahlfilter nfiltros numfiltros nsalidas "
    "canalessalida nfiltres",
    "y": "ausgabe ausgang salida sortie",
    "labels": "ziel ziele klassen etiquetas etiquettes",
}

#: Names with a different meaning than above.
_BY_KIND = {
    "max_pool2d": {"filter": "kernel", "filters": "kernel", "p": "padding", "kernel": "kernel"},
    "avg_pool2d": {"filter": "kernel", "filters": "kernel", "p": "padding", "kernel": "kernel"},
    "im2col": {"kernel": "kernel", "filter": "kernel", "w": "kernel_w", "h": "kernel_h"},
    "col2im": {"kernel": "kernel", "x": "cols", "filter": "kernel", "w": "kernel_w",
               "h": "kernel_h", "h_in": "height", "data": "cols", "cols": "cols"},
    "dropout": {"p": "p", "size": "x_shape"},
    "softmax_cross_entropy": {"y": "labels"},
    "batch_norm": {"w": "gamma", "b": "beta", "weight": "gamma", "bias": "beta",
                   "runningmu": "running_mean", "c": "in_channels", "d": "in_channels"},
}  # fmt: skip

_ROLES = {name: role for role, names in _ARGUMENTS.items() for name in names.split()}
_ROLES |= {name: role for role, names in _ABROAD.items() for name in names.split()}
_ROLES["p"] = "padding"
#: What distinguishes a running statistic from a batch's.
_RUNNING = re.compile(r"run|mov|mv|ema|glob|pop|eval|test|infer|hist|accum")

#: Names of the results of backward functions, and of attributes and keys that hold them.
_RESULTS = {
    "grad_x": "dx da daprev dinput gradx gradinput inputgrad deltaarray dinputs dl dldx dprev din "
    "gradinputs inputgradient gradaprev delta bpsensitivitymap dxi dximg dlogits dscores dz dimage",
    "grad_weight": "dw gradw dweight dweights gradweight gradweights weightsgrad weightgrad dk "
    "dkernel dkernels dfilter dfilters dldw dtheta gradkernel kernelgradient weightsgradient "
    "gradfilter gradfilters wgrad dldfilters dlfilters",
    "grad_bias": "db gradb dbias dbiases gradbias biasgrad dldb bgrad biasgradient gradbiases",
    "grad_gamma": "dgamma gradgamma gammagrad dscale",
    "grad_beta": "dbeta gradbeta betagrad dshift",
    "loss": "loss cost l",
    "y": "out y output z a outputarray",
}
_RESULT_ROLES = {name: role for role, names in _RESULTS.items() for name in names.split()}

#: Names of the two passes of a class, the most likely first.
FORWARD = (
    "forward __call__ call fprop forward_pass forward_propagation propagate vorwaerts vorwärts "
    "adelante propagar propager"
).split()
BACKWARD = (
    "backward backprop bprop backward_pass back backward_propagation backpropagate rueckwaerts "
    "rückwärts atras atrás retropropagar retropropager"
).split()

_KINDS = (
    (r"single.?step|out.*(size|shape|dim)|^test|check|plot|init|param|update", ""),
    (r"transpose|deconv|net(work|z)?$|model|block|trainer|solver|optimi", ""),
    (r"^(?!.*(conv|pool)).*im2col", "im2col"),
    (r"^(?!.*(conv|pool)).*col2im", "col2im"),
    (r"softmax.*(loss|cross|ce$)|cross.?entropy.*softmax|softmaxloss", "softmax_cross_entropy"),
    (r"conv.*(relu|sigmoid|pool|batch)|affine.*relu|linear.*activation", ""),
    (r"(avg|average|mean|mittel(wert)?).?pool|pool.*(promedio|moyen)", "avg_pool2d"),
    (r"pool", "max_pool2d"),
    (r"conv|correl|faltung", "conv2d"),
    (r"batch.?norm|(^|_)bn(_|$)", "batch_norm"),
    (r"drop.?out", "dropout"),
    (r"affine|linea[rl]|dens[ea]|matmul|fully.?connected|(^|_)fc(_|$|\d)", "linear"),
    (r"relu", "relu"),
    (r"sigmoid", "sigmoid"),
    (r"softmax", "softmax"),
)


def kind_of(name: str) -> str:
    """Return the kind of layer that a function's or class's name indicates, or ``""``."""
    low = name.lower()
    if re.search(r"leaky|prelu|group.?norm|layer.?norm|hard|log.?softmax", low):
        return ""  # other formulas than those in the catalogue
    return next((kind for pattern, kind in _KINDS if re.search(pattern, low)), "")


def role_of(name: str, kind: str) -> str:
    """Return the role of an argument of this name in such a layer, or ``""``."""
    plain = _plain(name)
    known = _BY_KIND.get(kind, {}).get(plain) or _ROLES.get(plain, "")
    if not known and kind == "batch_norm" and _RUNNING.search(plain):
        if re.search(r"mean$|mu$|avg$", plain):
            return "running_mean"
        return "running_var" if re.search(r"var(iance)?$", plain) else ""
    return known


def result_of(name: str) -> str:
    """Return the result that a returned variable, attribute or key of this name holds."""
    plain = _plain(name)
    if plain in _RESULT_ROLES:
        return _RESULT_ROLES[plain]
    inner = re.fullmatch(r"(?:grad|delta|nabla|d|g)(\w+)|(\w+?)(?:grad|gradient)s?", plain)
    of = (inner[1] or inner[2]) if inner else ""
    role = "weight" if of in ("k", "f") else _ROLES.get(of, "")
    return f"grad_{role}" if role in ("x", "weight", "bias", "gamma", "beta") else ""


def known_roles() -> Iterable[str]:
    """Return the roles that a function named by hand may have."""
    return _ARGUMENTS.keys()


_ACCENTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ñ": "n", "ç": "c"}
    | dict(zip("áéíóúàèùâêîôû", "aeiouaeuaeiou", strict=True))
)


def _plain(name: str) -> str:
    plain = name.lower().replace("_", "")
    return plain if plain.isascii() else plain.translate(_ACCENTS)
