{{/* Name of the chart, at most 63 characters as labels allow. */}}
{{- define "batchai.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of all object names; 52 characters leave room for our suffixes. */}}
{{- define "batchai.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "batchai.selectorLabels" -}}
app.kubernetes.io/name: {{ include "batchai.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "batchai.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "batchai.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: batchai-operator
{{- end }}

{{- define "batchai.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "batchai.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed with serviceAccount.create=false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The namespace that the operator serves; empty means all. */}}
{{- define "batchai.servedNamespace" -}}
{{- if eq .Values.scope "namespace" }}
{{- default .Release.Namespace .Values.watchNamespace }}
{{- end }}
{{- end }}

{{- define "batchai.image" -}}
{{- default (printf "%s/operator:%s" .Values.registry .Chart.AppVersion) .Values.image }}
{{- end }}

{{- define "batchai.launcherImage" -}}
{{- default (printf "%s/launcher:%s" .Values.registry .Chart.AppVersion) .Values.launcher.image }}
{{- end }}

{{- define "batchai.fileServerImage" -}}
{{- default (printf "%s/fileserver:%s" .Values.registry .Chart.AppVersion) .Values.fileServer.image }}
{{- end }}

{{/* The map of node images as JSON, with a default in any case. */}}
{{- define "batchai.nodeImages" -}}
{{- $fallback := dict "default" (printf "%s/node:%s" .Values.registry .Chart.AppVersion) }}
{{- merge (dict) .Values.nodeImages $fallback | toJson }}
{{- end }}

{{/*
What the operator does inside the namespaces it serves. One list for the ClusterRole and the Role,
so that the two scopes cannot drift apart.
*/}}
{{- define "batchai.operatorRules" -}}
# Our own objects are read, never written: their spec belongs to the user. A status is replaced as a
# whole. Our Pods do not hold up the deletion of their job, so no right on its finalizers is needed.
- apiGroups: [batchai.dev]
  resources: [batchaijobs, batchaiclusters, batchaifileservers]
  verbs: [list, watch]
- apiGroups: [batchai.dev]
  resources: [batchaijobs/status, batchaiclusters/status, batchaifileservers/status]
  verbs: [update]
# One Pod per node of a job. Pods are immutable to us, so there is neither patch nor update.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
# The Pod of a file server that the operator runs; `patch` is for a new image of it.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch]
# The claim of a file server: looked for, and made unless the user names one.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create]
# The headless Service by which the nodes of a job find node 0, and that of a file server.
- apiGroups: [""]
  resources: [services]
  verbs: [get, create]
# `get` looks up the one Secret that a volume or registry names, to tell a missing one or another
# account's before any Pod hangs on it; `create` is for the key of a job of several nodes, which its
# owner reference removes. Without `list` and `watch` the operator can neither collect Secrets nor
# keep them in a cache.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create]
# Written to tell users what happens; read with reason=FailedMount, the only place where a mount
# error is told.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch, get, list, watch]
# The annotation that names a namespace's resource group.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{/* For people who may look: objects, and why they are as they are. */}}
{{- define "batchai.viewRules" -}}
- apiGroups: [batchai.dev]
  resources:
    - batchaijobs
    - batchaijobs/status
    - batchaiclusters
    - batchaiclusters/status
    - batchaifileservers
    - batchaifileservers/status
  verbs: [get, list, watch]
{{- end }}

{{/* For people who submit jobs with kubectl or batchai. */}}
{{- define "batchai.editRules" -}}
- apiGroups: [batchai.dev]
  resources: [batchaijobs, batchaiclusters, batchaifileservers]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
# `batchai job file`: exec into the sidecar of a running job, or into a reader Pod made and removed
# by the command.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]
# `batchai job create` turns keys in a job file into Secrets, and removes those of a refused job.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
{{- end }}
