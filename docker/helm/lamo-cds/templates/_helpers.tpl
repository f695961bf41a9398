{{- define "lamo.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lamo.artifactVolume" -}}
{{- if .Values.artifact.claim }}
- name: artifact
  persistentVolumeClaim: {claimName: {{ .Values.artifact.claim }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "lamo.artifactMount" -}}
{{- if .Values.artifact.claim }}
- {name: artifact, mountPath: {{ .Values.artifact.path }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "lamo.artifactSetting" -}}
{{- if .Values.artifact.claim }}
- {name: LAMO_ARTIFACT, value: {{ .Values.artifact.path | quote }}}
{{- end }}
{{- end }}

{{- define "lamo.secret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .name }}, optional: {{ .optional | default false }}}}
{{- end }}
