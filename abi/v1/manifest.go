package abiv1

// ActionFor is a flow's action for a role; name chooses one where there are several, and is empty for the default. It
// is nil where there is none.
func ActionFor(flow *Flow, role Role, name string) *Action {
	for _, action := range flow.GetActions() {
		if action.GetRole() == role && (name == "" || action.GetOperation() == name) {
			return action
		}
	}
	return nil
}

// CreatedKinds are the kinds of payment that an operation creates, in the order of the manifest's flows.
func CreatedKinds(manifest *Manifest, operation string) []Kind {
	var kinds []Kind
	for _, flow := range manifest.GetFlows() {
		if operation != "" && ActionFor(flow, Role_ROLE_CREATE, operation) != nil {
			kinds = append(kinds, flow.GetKind())
		}
	}
	return kinds
}

// FlowOf is the flow of a manifest for a kind of payment; nil where there is none.
func FlowOf(manifest *Manifest, kind Kind) *Flow {
	for _, flow := range manifest.GetFlows() {
		if flow.GetKind() == kind {
			return flow
		}
	}
	return nil
}

// OperationOf is an operation of a manifest by its name; nil where there is none.
func OperationOf(manifest *Manifest, name string) *Operation {
	for _, operation := range manifest.GetOperations() {
		if operation.GetName() == name {
			return operation
		}
	}
	return nil
}
