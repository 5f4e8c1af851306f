import MetadataAPI

/// How services are told from steps.
enum Serving {
    /// The beginnings of the types of services, for what was recorded before services were marked (``PropertyName/serving``).
    static let types = ["kserve.", "seldon."]

    /// In the filter grammar. Marked ones are found by the index of numbers, the others by their few types.
    static let condition =
        "custom_properties.\(PropertyName.serving).int_value = 1 OR type IN ('kserve.InferenceService', "
        + "'kserve.LLMInferenceService', 'kserve.TrainedModel', 'seldon.SeldonDeployment', 'seldon.Model')"
}
